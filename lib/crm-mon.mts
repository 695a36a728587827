/** The XML of `crm_mon --output-as=xml` (crm_mon(8), api-version 2). */
import { XMLParser, XMLValidator } from 'fast-xml-parser'

/** What stands in it; tags of these names are lists. Undefined where pacemaker did not answer, or was cut off while it did. */
export function crmMon(text: string, lists: readonly string[]): unknown {
  if (XMLValidator.validate(text) !== true) return undefined
  // A failure has an attribute `node`, and a resource a tag.
  const isArray = (name: string, _path: unknown, _leaf: boolean, isAttribute: boolean) =>
    !isAttribute && lists.includes(name)
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', isArray })
  return parser.parse(text)['pacemaker-result']
}
