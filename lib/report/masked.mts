/** The page's data with every secret masked that this run knows: logs were masked by those that their own runs knew. */
import type { Mask } from '../mask.mts'

/** Words that the program itself chose: a password may be one of them. */
const CHOSEN = new Set(['type', 'state', 'outcome', 'phase', 'node', 'nodes', 'time', 'began', 'at', 'id', 'name'])

/** Each text in lists, maps and objects; a map's keys are ids and names. */
export function masked<Data>(data: Data, mask: Mask): Data {
  const each = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return CHOSEN.has(key) ? value : mask(value)
    if (Array.isArray(value)) return value.map((one) => each(one, key))
    if (value instanceof Map) return new Map([...value].map(([name, one]) => [name, each(one, key)]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, each(one, name)]))
  }
  return each(data, '') as Data
}
