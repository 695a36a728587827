/** What a script on a node does when nobody listens any more, over a real sshd: it ends, its children too, and leaves nothing. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { BEAT } from '../../lib/driver.mts'
import type { Guard } from '../../lib/guard.mts'
import { raw, sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { type Ground, onSshd, startSshd } from './sshd.mts'
import { at, lockOf, type Told, type Way, ways } from './way.mts'

await onSshd(tests)

async function tests(land: Ground) {
  const key = land.key('key')
  const way = ways(land, key)
  const sshd = await startSshd(land, 'target', [key])
  const gate = await startSshd(land, 'gate', [key])
  const sudo = spawnSync('sudo', ['-V']).error === undefined && existsSync('/etc/sudoers.d')

  const direct = at(sshd.port)
  const behind = `Host gate\n  HostName 127.0.0.1\n  Port ${gate.port}\n${direct}\n  ProxyJump gate`
  const asUser = (...defaults: readonly string[]) => {
    const name = land.user('/bin/bash')
    const file = `/etc/sudoers.d/${name}`
    land.onClose(() => rmSync(file, { force: true }))
    const text = [...defaults.map((line) => `Defaults:${name} ${line}`), `${name} ALL=(ALL) NOPASSWD: ALL`]
    writeFileSync(file, `${text.join('\n')}\n`, { mode: 0o440 })
    return [`SSH_KEY=${key}`, `SSH_USER=${name}`]
  }

  /** Looks again and again; the limit is for a test that fails. */
  async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined | false): Promise<T> {
    for (const end = Date.now() + 40_000; Date.now() < end; await pause(50)) {
      const found = await look()
      if (found !== undefined && found !== false) return found
    }
    throw new Error(`not within 40 s: ${what}`)
  }

  /** What the kernel tells of a process; nothing when it is over meanwhile. */
  const proc = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'latin1').replaceAll('\0', ' ')
    } catch {
      return ''
    }
  }
  /** Processes of this machine that have the variable: every program that a script has started. */
  const bearing = (mark: string) =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && proc(pid, 'environ').includes(mark))
      .map((pid) => `${pid} ${proc(pid, 'cmdline').slice(0, 60)}`)

  let count = 0
  /** A script under way on a node. */
  interface Begun {
    readonly one: Way
    readonly told: Promise<Told>
    readonly scratch: string
    readonly file: (name: string) => string
    /** The ssh that this process has started. */
    readonly client: number
    /** Waits until no process, no child in whatever session, and no folder of it is left. */
    readonly gone: () => Promise<void>
  }

  /** Begins a script whose first guard says where it is, and waits until its second one runs. */
  async function begin(
    hosts: string,
    env: readonly string[] | undefined,
    guards: (dir: Begun['file']) => readonly Guard[],
    more: (text: string) => string = (text) => text,
  ) {
    const mine = ++count
    const own = (name: string) => join(land.dir, `${mine} ${name}`)
    const mark = `QUORATE_TEST=${process.pid}-${mine}-`
    // In the environment from the start: so every process of the script can be told from others.
    const edit = (text: string) => more(text).replace(/^PATH=/m, `export ${mark}; PATH=`)
    const one = way(hosts, env, { edit })
    const here: Guard = { title: 'here', check: sh`echo "$scratch" >${own('scratch')}` }
    const before = new Set(children())
    const told = one.tell([here, ...guards(own)])
    void told.catch(() => {})
    // A stop before the first word of the node is heard breaks off: what has begun there is known here only then.
    const heard = () => one.job.events.some((event) => event.type === 'script' && event.state === 'hello')
    await until('the script has begun, and is heard', () => existsSync(own('begun')) && heard())
    const scratch = readFileSync(own('scratch'), 'utf8').trim()
    assert.match(scratch, /^\/run\/quorate\.\w{6}$/)
    const client = children().find((pid) => !before.has(pid)) as number
    return {
      one,
      told,
      scratch,
      file: own,
      client,
      gone: async () => {
        try {
          await until('all of it is gone', () => bearing(mark).length === 0 && !existsSync(scratch))
        } catch (error) {
          throw new Error(`${(error as Error).message}: ${scratch} ${existsSync(scratch)}, ${bearing(mark).join('; ')}`)
        }
      },
    }
  }
  const children = () =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

  /** Never ends by itself, and has a child that ignores what a terminal says when it is gone, or more. */
  const endless =
    (ignores = 'HUP') =>
    (own: Begun['file']): readonly Guard[] => [
      {
        title: 'endless',
        check: 'exit 1',
        apply: sh`sh -c 'trap "" ${raw(ignores)}; while :; do sleep 1; done' & : >${own('begun')}; sleep 1000`,
      },
      { title: 'next', check: 'exit 1', apply: sh`: >${own('next')}` },
    ]
  /** An atomic program that goes on until a sign comes, says more than a pipe holds, and leaves a file at its end. */
  const atomic = (own: Begun['file']): readonly Guard[] => [
    {
      title: 'atomic',
      check: 'exit 1',
      apply: sh`whole sh -c ${sh`
        : >${own('begun')}
        until [ -e ${own('sign')} ]; do sleep 0.1; done
        awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%0100d\\n", i }' && echo again >&2 && : >${own('end')}`}`,
    },
    { title: 'next', check: 'exit 1', apply: sh`: >${own('next')}` },
  ]

  /** Ways for a connection to end without a word. */
  const ends: Readonly<Record<string, (begun: Begun) => void>> = {
    'the ssh client is killed': ({ client }) => process.kill(client, 'SIGKILL'),
    'the kept connection is killed': ({ one }) => process.kill(one.master() as number, 'SIGKILL'),
    'it is broken off': ({ one }) => one.job.cut.abort(new Error('interrupted')),
  }
  const accesses: Readonly<Record<string, () => [string, readonly string[] | undefined]>> = {
    directly: () => [direct, undefined],
    'behind a jump host': () => [behind, undefined],
    ...(sudo && {
      'by sudo': () => [direct, asUser()],
      'by sudo with a terminal of its own': () => [direct, asUser('use_pty')],
      'by sudo that keeps what it sees': () => [
        direct,
        asUser('use_pty, log_output, log_input', `iolog_dir=${land.dir}/io`),
      ],
    }),
  }

  for (const [how, access] of Object.entries(accesses)) {
    const test = suite(`a script on a node, ${how}`)
    for (const [what, end] of Object.entries(ends)) {
      // For a node this is the same as the end of the client.
      if (how !== 'directly' && end === ends['it is broken off']) continue
      test(`${what}: its process group ends, and its scratch folder is gone`, async () => {
        const begun = await begin(...access(), endless())
        end(begun)
        await begun.gone()
        assert.not(existsSync(begun.file('next')))
        await begun.told.catch(() => {})
      })

      test(`${what}: what is atomic goes on to its end, whatever it says, and nothing after it`, async () => {
        const begun = await begin(...access(), atomic)
        end(begun)
        // Its watchdog has noticed, and waits.
        await until('the end is noticed', () => existsSync(join(begun.scratch, 'stop')))
        writeFileSync(begun.file('sign'), '')
        await begun.gone()
        assert.ok(existsSync(begun.file('end')), 'it was cut off')
        assert.not(existsSync(begun.file('next')))
        await begun.told.catch(() => {})
      })
    }

    test('a stop: the guard is finished, the rest left, and the end is heard', async () => {
      const { one, told, file, gone } = await begin(...access(), (own) => [
        {
          title: 'under way',
          check: sh`[ -e ${own('made')} ]`,
          apply: sh`: >${own('begun')}; until stopped; do sleep 0.1; done; : >${own('made')}`,
        },
        { title: 'next', check: 'exit 1', apply: sh`: >${own('next')}` },
      ])
      one.job.ask.abort(new Error('interrupted'))
      const { results, lost } = await told
      assert.equal([lost, results], [undefined, ['ok', 'changed', 'skipped']])
      assert.not(existsSync(file('next')))
      await gone()
    })
    test.run()
  }

  const rest = suite('a script on a node, for the rest')

  rest('a child that ignores SIGTERM is killed', async () => {
    const begun = await begin(direct, undefined, endless('HUP TERM'))
    process.kill(begun.client, 'SIGKILL')
    await begun.gone()
  })

  rest('without a sign of life for a while it ends, although the connection stands', async () => {
    const impatient = (text: string) => text.replace(/timeout --foreground \d+ /, 'timeout --foreground 3 ')
    const begun = await begin(direct, undefined, endless(), impatient)
    const heard = await begun.told
    assert.equal(heard.results, ['ok'])
    await begun.gone()
  })

  rest('signs of life keep it, and the lock; a server that asks for them itself gets them too', async () => {
    const strict = await startSshd(land, 'strict', [key], 'ClientAliveInterval 1\nClientAliveCountMax 1')
    const impatient = (text: string) => text.replace(/timeout --foreground \d+ /, `timeout --foreground ${BEAT + 2} `)
    const one = way(at(strict.port), undefined, { edit: impatient })
    const lock = await lockOf(one, [one.node])
    // Two of them: the node's patience would have been over in between.
    for (const time of ['first', 'second']) {
      const before = statSync(one.lockFile()).mtimeMs
      await until(`a ${time} sign of life`, () => statSync(one.lockFile()).mtimeMs > before)
    }
    assert.not(one.job.stop.aborted)
    await lock.release()
    assert.is(readFileSync(one.lockFile(), 'utf8'), '')
  })
  rest.run()
}
