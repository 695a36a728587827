/** Keystone's keys: the same on all nodes or the run stops, copied from one that is named, and rotated while tokens are in use. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, ROOT, set, settled, until } from './cluster.mts'

const KEYS = '/etc/keystone/fernet-keys'

onLab('keys', 't-keys', { nodes: 3, public: '192.168.141', heartbeat: '10.0.165', packages: true }, (test, lab) => {
  const [one, two, three] = lab.nodes as [string, string, string]
  const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
  const rotate = 'keystone-manage fernet_rotate --keystone-user keystone --keystone-group keystone'
  const sums = async () => [...(await lab.onAll(`cd ${KEYS} && sha256sum *`)).values()]
  const primary = (node: string) => lab.on(node, `ls ${KEYS} | sort -n | tail -n 1`).then(Number)
  const password = () =>
    /^export OS_PASSWORD=(.*)$/m.exec(readFileSync(join(dirname(lab.env), 'admin-openrc'), 'utf8'))?.[1]

  test('keys that differ stop the run before anything is changed, with their fingerprints', async () => {
    await lab.on(two, rotate)
    const run = await lab.run('cluster', '--json')
    ended(run, 2)
    assert.is(run.json().changed, 0)
    const text = flat(run.text)
    assert.match(text, /fernet keys of node1: SHA-256 [0-9a-f]{16}… fernet keys of node2: SHA-256 [0-9a-f]{16}…/)
    assert.not.match(text, /credential keys of/)
    assert.match(text, 'FERNET_SYNC=<node> in the env file copies those of that node to the others')
    const keys = await lab.onAll(`cat ${KEYS}/*`)
    for (const key of [...keys.values()].flatMap((lines) => lines.split('\n')).filter(Boolean))
      assert.not.ok(lab.said().includes(key))
  })

  test('copied from the node that is named, each with its owner and mode, and nothing else is there', async () => {
    set(lab, 'FERNET_SYNC', two)
    const before = await lab.on(two, `cd ${KEYS} && sha256sum *`)
    // One that had a key more, one that had none at all.
    await lab.on(one, `cp -p ${KEYS}/0 ${KEYS}/7`)
    await lab.on(three, `rm -r ${KEYS}`)
    ended(await lab.run('cluster'), 0)
    assert.equal(await sums(), [before, before, before])
    for (const listing of (await lab.onAll(`stat -c '%n %a %U:%G' ${KEYS} ${KEYS}/*; ls -A ${KEYS}`)).values())
      assert.match(
        flat(listing),
        /^\/etc\/keystone\/fernet-keys 700 keystone:keystone (\/etc\/keystone\/fernet-keys\/\d 600 keystone:keystone )+0 1 2 $/,
      )
    set(lab, 'FERNET_SYNC', '')
    await settled(lab)
  })

  test('rotated: tokens given before, meanwhile and after are good on every node', async () => {
    const identity = (name: string) => ({ name, domain: { name: 'Default' } })
    const body = {
      auth: {
        identity: { methods: ['password'], password: { user: { ...identity('admin'), password: password() } } },
        scope: { project: identity('admin') },
      },
    }
    const urls = lab.nodes.map((node) => `http://${lab.address(node)}:5000/v3`)
    const prober = spawn(
      'nsenter',
      [`--net=/run/netns/${lab.name}-ops`, '--', process.execPath, join(ROOT, 'test/lab/tokens.mts'), ...urls],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const rounds: { at: number; shown: number; failures: string[] }[] = []
    try {
      prober.stdin.end(JSON.stringify(body))
      createInterface({ input: prober.stdout }).on('line', (line) => rounds.push(JSON.parse(line)))
      const roundsSince = (time: number) => rounds.filter(({ at }) => at >= time).length
      await until('tokens are given and taken', 180, () => rounds.length > 1)
      const from = Date.now()
      const old = await primary(one)
      ended(await lab.run('rotate-fernet', '--plan'), 3)
      assert.is(await primary(one), old)
      const run = await lab.run('rotate-fernet')
      ended(run, 0)
      const to = Date.now()
      await until('some more', 180, () => roundsSince(to) > 1)
      assert.is(await primary(one), old + 1)
      assert.is(new Set(await sums()).size, 1)
      assert.ok(rounds.some(({ at }) => at > from && at < to))
      assert.equal(
        rounds.flatMap(({ failures }) => failures),
        [],
      )
      assert.match(flat(run.text), /each node takes a token of this one|total ok: \d+ changed: \d+ failed: 0/)
    } finally {
      prober.kill('SIGKILL')
    }
    await settled(lab)
  })

  if (LONG)
    test('a rotation that was cut off before the others had the keys is ended by the next, and not begun anew', async () => {
      await lab.on(
        one,
        `cd ${KEYS}; sum=$(sha256sum $(ls | sort -n) | sha256sum); echo "\${sum%% *}" >/var/lib/quorate/rotating; ${rotate}`,
      )
      const now = await primary(one)
      const run = await lab.run('cluster')
      ended(run, 2)
      assert.match(flat(run.text), /a rotation has not ended .*make rotate-fernet ends it/)
      ended(await lab.run('rotate-fernet'), 0)
      assert.is(await primary(one), now)
      assert.is(new Set(await sums()).size, 1)
      await settled(lab)
    })
})
