/** The cluster is taken away: what was there before is there again, half-built or whole, and it can be built anew. */
import * as assert from 'uvu/assert'
import { EVERYTHING, ended, LONG, onLab, same } from './cluster.mts'

/**
 * What a package manager, systemd and sshd write for themselves, users that packages leave, and what the time has changed in a
 * directory that is as it was.
 */
const THEIRS =
  /^(?:[0-9a-f]{64} +)?\/(?:var\/(?:lib\/(?:dpkg|apt|systemd|ucf|pam|keystone|private|dbus|polkit-1|sgml-base|xml-core|python|misc)|cache|backups|mail)|etc\/(?:passwd|group|shadow|gshadow|subuid|subgid|ld\.so\.cache|\.pwd\.lock|rc\d\.d|mailcap|alternatives)|usr\/(?:lib|share)|root\/\.(?:bash_history|cache|lesshst)|run)/
const listing = (text: string) =>
  text
    .split('\n')
    .filter((line) => !THEIRS.test(line))
    // The lock of the run itself is the last thing that it needs.
    .filter((line) => !/^temporary \/run\/quorate(\/lock)?$/.test(line))
    // Of a folder only that it is there; of a file its content, owner and mode, and not when that came.
    .map((line) => line.replace(/( [\d.]+){1,2}$/, '').replace(/^(\S+ d \d+ \S+).*/, '$1'))
    .join('\n')

onLab('destroy', 't-destroy', { public: '192.168.129', heartbeat: '10.0.153' }, (test, lab) => {
  const [one = ''] = lab.nodes
  const catalogue = () =>
    lab.on('db', `mariadb -N -e 'SELECT interface, url FROM keystone.endpoint ORDER BY interface'`)
  const before = new Map<string, string>()
  const back = async () => {
    const now = await lab.onAll(EVERYTHING)
    for (const node of lab.nodes) same(listing(now.get(node) ?? ''), before.get(node), node)
  }
  let endpoints = ''

  test('a cluster that is not there is taken away in no time', async () => {
    endpoints = await catalogue()
    for (const [node, text] of await lab.onAll(EVERYTHING)) before.set(node, listing(text))
    const run = await lab.run('destroy', '--yes')
    ended(run, 0)
    await back()
  })

  if (LONG)
    test('half built, and taken away', async () => {
      ended(await lab.run('cluster', '--to', '04'), 0)
      ended(await lab.run('destroy', '--yes', '--packages'), 0)
      await back()
      ended(await lab.run('cluster', '--to', '02'), 0)
      ended(await lab.run('destroy', '--yes', '--packages'), 0)
      await back()
    })

  test('built anew: it asks first, and a plan touches nothing', async () => {
    ended(await lab.run('cluster'), 0)
    const refused = await lab.run('destroy')
    ended(refused, 5)
    assert.match(refused.text, /The cluster t-destroy on node1, node2 is taken away/)
    ended(await lab.run('destroy', '--plan'), 3)
    ended(await lab.run('verify'), 0)
  })

  test('built, and taken away with its packages: all is as it was', async () => {
    const run = await lab.run('destroy', '--yes', '--packages')
    ended(run, 0)
    assert.is(await catalogue(), endpoints)
    await back()
    // Keystone answers on all addresses again, and the VIP is nobody's.
    for (const node of lab.nodes) assert.match(await lab.on(node, 'ss -H -ltn sport = :5000'), /0\.0\.0\.0:5000/)
    await lab.holder().then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /nobody/),
    )
    const again = await lab.run('destroy', '--yes', '--packages', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })

  if (LONG)
    test('built anew once more: a node that does not run is no obstacle', async () => {
      ended(await lab.run('cluster'), 0)
      ended(await lab.run('verify'), 0)
      await lab.on(one, 'systemctl stop pacemaker')
      ended(await lab.run('destroy', '--yes'), 0)
      assert.is(await catalogue(), endpoints)
      ended(await lab.run('cluster'), 0)
      ended(await lab.run('verify'), 0)
    })
})
