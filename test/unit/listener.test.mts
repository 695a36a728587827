/** What is served by one program is out of use together while that is restarted. */
import * as assert from 'uvu/assert'
import type { Node } from '../../lib/config.mts'
import { servedWith } from '../../lib/listener.mts'
import { parseConfig } from '../../lib/read-config.mts'
import { suite } from '../suite.mts'
import { factsOf, twoNodes } from './phase-texts.mts'

const config = parseConfig(twoNodes('keystone placement glance nova nova-metadata horizon'), '/env')
const PACKAGING: Readonly<Record<string, string>> = {
  'packaging.keystone': 'apache /etc/apache2/sites-available/keystone.conf',
  'packaging.placement': 'apache /etc/apache2/ports.conf',
  'packaging.nova': 'ini nova-api /etc/nova/nova.conf',
  'packaging.nova-metadata': 'ini nova-api /etc/nova/nova.conf',
  'packaging.glance': 'uwsgi glance-api',
}

const test = suite('listener')

test('Apache serves many, nova-api two; one that we know nothing of is alone, and each node has its own', () => {
  const facts = factsOf(config, ({ name }) => (name === 'n1' ? PACKAGING : {}))
  const [one, two] = config.nodes as readonly [Node, Node]
  const names = (node: Node) =>
    config.services.map((each) =>
      servedWith(config, facts, node, each)
        .map(({ name }) => name)
        .join(' '),
    )
  assert.equal(names(one), [
    'keystone placement',
    'glance',
    'keystone placement',
    'nova nova-metadata',
    'nova nova-metadata',
    'horizon',
  ])
  assert.equal(
    names(two),
    config.services.map(({ name }) => name),
  )
})

test.run()
