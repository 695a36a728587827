/** The VIP before it is ours, free, held by the cluster, or somebody else's, and once it is; `ip` and `ping` are played. */
import * as assert from 'uvu/assert'
import type { Config, Node } from '../../lib/config.mts'
import type { Guard } from '../../lib/guard.mts'
import { vipAnswers } from '../../lib/pacemaker.mts'
import { vipsFree } from '../../lib/requirements.mts'
import { suite } from '../suite.mts'
import { run, SHELLS } from './local-shell.mts'
import { factsOf } from './phase-texts.mts'

const nodes = [1, 2].map((at): Node => ({ name: `n${at}`, fqdn: `n${at}.test.com`, address: `192.0.2.${at}` }))
const config = { nodes, vip: { address: '192.0.2.100', prefix: 24, family: 4 } } as unknown as Config

/** The neighbours of the node by address, each with a link-layer address and a state. */
const played = (neighbours: Readonly<Record<string, string>>) => `
ip() {
  case $* in
    'neigh flush to '*) ;;
${Object.entries(neighbours)
  .map(([address, is]) => `    'neigh show to ${address}') echo '${address} dev eth0 lladdr ${is} ' ;;`)
  .join('\n')}
  esac
}
ping() { ${neighbours['192.0.2.100'] === undefined ? 'false' : ':'}; }
`
const asks = (neighbours: Readonly<Record<string, string>>, how = played(neighbours)) => {
  const [guard] = vipsFree(
    config,
    factsOf(config, () => ({})),
  ) as [Guard]
  const [, words] = SHELLS[0] as (typeof SHELLS)[number]
  return run(words, [{ ...guard, check: how + guard.check }], 'check').ends[0]
}

const test = suite('a free VIP')

test('nobody answers to it', () => {
  assert.is(asks({})?.result, 'ok')
})

test('somebody else answers to it', () => {
  const end = asks({ '192.0.2.100': '02:00:00:00:00:99 REACHABLE', '192.0.2.2': '02:00:00:00:00:02 REACHABLE' })
  assert.is(end?.result, 'pending')
  assert.match(end?.said.join() ?? '', '192.0.2.100 is in use: somebody answers to ping')
})

test('pacemaker has started it on another node since the nodes were asked', () => {
  const end = asks({ '192.0.2.100': '02:00:00:00:00:02 REACHABLE', '192.0.2.2': '02:00:00:00:00:02 STALE' })
  assert.is(end?.result, 'ok', end?.said.join())
  const unsure = asks({ '192.0.2.100': '02:00:00:00:00:02 DELAY', '192.0.2.2': '02:00:00:00:00:02 STALE' })
  assert.is(unsure?.result, 'ok', unsure?.said.join())
})

test('pacemaker has started it here meanwhile', () => {
  // The first look at the addresses does not have it, the second does.
  const come = `
    ip() {
      case $* in
        '-o addr show') [ ! -e "$scratch/asked" ] || echo '2: eth0    inet 192.0.2.100/24 scope global'; : >"$scratch/asked" ;;
      esac
    }
    ping() { :; }
    systemctl() { :; }
    `
  const end = asks({}, come)
  assert.is(end?.result, 'ok', end?.said.join())
})

test('of two each is looked for', () => {
  const both = { ...config, vip2: { address: '2001:db8::100', prefix: 64, family: 6 } } as unknown as Config
  const guards = vipsFree(
    both,
    factsOf(both, () => ({})),
  )
  const [, words] = SHELLS[0] as (typeof SHELLS)[number]
  const how = played({ '2001:db8::100': '02:00:00:00:00:99 REACHABLE' })
  const ends = run(
    words,
    guards.map((guard) => ({ ...guard, check: how + guard.check })),
    'check',
  ).ends
  assert.equal(
    ends.map(({ result }) => result),
    ['ok', 'pending'],
  )
  assert.match(ends[1]?.said.join() ?? '', '2001:db8::100 is in use')
})

test('ours answers by ICMP, or where that is turned away by its neighbour; one that is silent does not', () => {
  const [, words] = SHELLS[0] as (typeof SHELLS)[number]
  const answers = (how: string) => {
    const guard = vipAnswers(config)
    return run(words, [{ ...guard, check: how + guard.check }], 'check').ends[0]
  }
  const state = (is: string, later = is) => `
    ping() { ${is === '' ? ':' : 'false'}; }
    ip() {
      case $* in
        'neigh flush to 192.0.2.100') : >"$scratch/flushed" ;;
        'neigh show to 192.0.2.100')
          if [ -e "$scratch/flushed" ]; then echo '192.0.2.100 dev eth0 ${later} '; else echo '192.0.2.100 dev eth0 ${is} '; fi ;;
      esac
    }
    `
  assert.is(answers(state(''))?.result, 'ok')
  assert.is(answers(state('lladdr 02:00:00:00:00:01 REACHABLE'))?.result, 'ok')
  assert.is(answers(state('lladdr 02:00:00:00:00:01 STALE', 'lladdr 02:00:00:00:00:01 REACHABLE'))?.result, 'ok')
  const silent = answers(state('lladdr 02:00:00:00:00:01 STALE', 'FAILED'))
  assert.is(silent?.result, 'pending')
  assert.is(silent?.said.join(), 'no answer from 192.0.2.100')
})

test.run()
