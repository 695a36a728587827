/** Access as people have it: each kind carries a framed script, twice at once, and leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import * as assert from 'uvu/assert'
import type { Node } from '../../lib/config.mts'
import type { Guard } from '../../lib/guard.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { type Ground, must, onSshd, startSshd } from './sshd.mts'
import { at, lockOf, type Way, ways } from './way.mts'

await onSshd(tests)

async function tests(land: Ground) {
  const key = land.key('key')
  const way = ways(land, key)
  const sshd = await startSshd(land, 'target', [key])
  const which = (program: string) =>
    spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim() || undefined

  let count = 0
  const VALUE = `it's "odd" \`id\` $HOME !! \\ pässwörd`
  /** One guard that holds, one that is made true, and what it says of itself. */
  const probe = (): { readonly guards: readonly Guard[]; readonly file: string } => {
    const file = join(land.dir, `made ${++count}`)
    return {
      file,
      guards: [
        { title: 'as root, with nothing to read', check: '[ "$(id -u)" = 0 ] && [ -z "$(cat)" ]' },
        {
          title: 'made',
          check: sh`[ -e ${file} ]`,
          apply: sh`cat; printf '%s\\n' ${VALUE} >${file}; echo "$scratch"`,
        },
      ],
    }
  }

  /**
   * A run's talk with a node: the lock is taken and kept, and meanwhile a script makes something. Nothing is left when it is
   * over.
   */
  async function serves(one: Way, node = one.node): Promise<void> {
    const { guards, file } = probe()
    const told = await locked(one, [node], () => one.tell(guards, 'apply', node))
    assert.is(told.lost, undefined, told.lost?.text)
    assert.equal(told.results, ['ok', 'changed'])
    assert.is(readFileSync(file, 'utf8'), `${VALUE}\n`)
    const scratch = told.said.at(-1) as string
    assert.match(scratch, /^\/run\/quorate\.\w{6}$/)
    assert.not(existsSync(scratch), scratch)
  }

  /** Does something while the lock of these nodes is held. */
  async function locked<T>(one: Way, nodes: readonly Node[], act: () => Promise<T>): Promise<T> {
    const lock = await lockOf(one, nodes)
    try {
      return await act()
    } finally {
      await lock.release()
    }
  }

  const logins = suite('logins')

  logins('an agent alone', async () => {
    const socket = join(land.dir, 'agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    const before = process.env.SSH_AUTH_SOCK
    try {
      while (!existsSync(socket)) await new Promise((go) => setTimeout(go, 20))
      process.env.SSH_AUTH_SOCK = socket
      const home = `${at(sshd.port)}\n  IdentityFile ${land.dir}/none`
      const { lost } = await way(home, []).tell([])
      assert.match(lost?.text ?? '', 'it refuses the login')
      must('ssh-add', '-q', key)
      await serves(way(home, []))
    } finally {
      if (before === undefined) delete process.env.SSH_AUTH_SOCK
      else process.env.SSH_AUTH_SOCK = before
      agent.kill()
    }
  })

  logins('a key file of another name, with a blank in it', async () => {
    const odd = join(land.dir, 'my key 100%')
    must('cp', key, odd)
    await serves(way(at(sshd.port), [`SSH_KEY="${odd}"`]))
  })

  logins('another port, by the env file', async () => {
    await serves(way('Host 192.0.2.*\n  HostName 127.0.0.1', [`SSH_KEY=${key}`, `SSH_PORT=${sshd.port}`]))
  })

  logins('a jump host by SSH_CONFIG, with a user, a key and a port of its own', async () => {
    const gateKey = land.key('gate-key')
    const gate = await startSshd(land, 'gate', [gateKey])
    const user = land.user('/bin/sh')
    const hosts = `Host gate\n  HostName 127.0.0.1\n  Port ${gate.port}\n  User ${user}\n  IdentityFile ${gateKey}\n  IdentitiesOnly yes
${at(1)}\n  ProxyJump gate`
    const env = [`SSH_KEY=${key}`, `SSH_PORT=${sshd.port}`, 'SSH_USER=root']
    await serves(way(hosts, env))
    assert.match(gate.log(), `Accepted publickey for ${user} `)
    assert.is(gate.seen().logins, 1)
  })
  logins.run()

  const noise = suite('what is said before the script')

  noise('a banner, a message of the day, and ~/.ssh/rc', async () => {
    const banner = join(land.dir, 'banner')
    writeFileSync(banner, '*** Authorized use only ***\n\n@@0123456789ab bye\n')
    const loud = await startSshd(land, 'loud', [key], `Banner ${banner}\nPrintMotd yes\nPermitUserRC yes`)
    const user = land.user('/bin/bash', { '.ssh/rc': 'echo "rc of ssh"; echo "rc of ssh" >&2; cat\n' })
    free(user)
    await serves(way(at(loud.port)))
    await serves(way(at(loud.port), [`SSH_KEY=${key}`, `SSH_USER=${user}`]))
  })
  noise.run()

  const users = suite('users, their shells and their sudo')
  const sudo = which('sudo') !== undefined && existsSync('/etc/sudoers.d')
  function free(name: string, ...more: readonly string[]) {
    const file = `/etc/sudoers.d/${name}`
    const text = [...more.map((line) => `Defaults:${name} ${line}`), `${name} ALL=(ALL) NOPASSWD: ALL`]
    writeFileSync(file, `${text.join('\n')}\n`, { mode: 0o440 })
    land.onClose(() => rmSync(file, { force: true }))
    must('visudo', '-qcf', file)
  }
  const asUser = (name: string) => way(at(sshd.port), [`SSH_KEY=${key}`, `SSH_USER=${name}`])
  /** A test with a user whose login shell is this program. */
  const withUser = (
    title: string,
    program: string,
    files: Readonly<Record<string, string>>,
    defaults: readonly string[] = [],
    check: (one: Way) => Promise<void> = serves,
  ) => {
    const shell = which(program)
    if (!sudo || shell === undefined) {
      users.skip(title, `${sudo ? program : 'sudo'} is not installed`)
      return
    }
    users(title, async () => {
      const name = land.user(shell, files)
      free(name, ...defaults)
      await check(asUser(name))
    })
  }
  const RC = 'echo "welcome back"; echo "welcome back" >&2\n'

  for (const [program, rc] of [
    ['dash', '.profile'],
    ['bash', '.bashrc'],
    ['zsh', '.zshenv'],
    ['fish', '.config/fish/config.fish'],
    ['tcsh', '.cshrc'],
  ] as const)
    withUser(`a login shell ${program} with something to say`, program, { [rc]: RC })

  withUser('a slow .bashrc', 'bash', { '.bashrc': `sleep 1; ${RC}` })

  withUser('a .bashrc that reads a line eats nothing of the script', 'bash', {
    '.bashrc': 'read -p "Press Enter " reply; read -n 1 -s key\n',
  })

  withUser('a .bashrc that waits for input is told', 'bash', { '.bashrc': ': >reads; cat\n' }, [], async (one) => {
    const sign = join(land.dir, one.config.ssh.user as string, 'reads')
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const told = one.tell([])
      while (!existsSync(sign)) await new Promise((go) => setImmediate(go))
      mock.timers.tick(60_000)
      const { lost } = await told
      assert.match(lost?.text ?? '', "no shell of root's answers")
      assert.match(lost?.remedy ?? '', '.bashrc')
    } finally {
      mock.timers.reset()
    }
  })

  withUser('sudo with a terminal of its own (use_pty)', 'bash', {}, ['use_pty'])
  withUser('sudo that keeps what it sees', 'bash', {}, [
    'use_pty, log_input, log_output',
    `iolog_dir=${land.dir}/sudo-io`,
  ])
  withUser('sudo with another path, umask and little of the environment', 'bash', { '.bashrc': 'umask 0777' }, [
    'secure_path=/usr/bin:/bin, umask=0777, env_reset, !setenv',
  ])
  withUser('sudo that wants a terminal is told', 'bash', {}, ['requiretty'], async (one) => {
    const { lost } = await one.tell([])
    assert.match(lost?.text ?? '', /^sudo wants a terminal/)
    assert.match(lost?.remedy ?? '', 'requiretty')
  })

  users('an account that may not log in is told', async () => {
    const { lost } = await asUser(land.user('/usr/sbin/nologin')).tell([])
    assert.is(lost?.text, 'the user has no login shell there')
  })
  users.run()

  const hardened = suite('hardened servers')

  for (const sessions of [1, 2]) {
    hardened(`MaxSessions ${sessions}: what has no room on a connection gets one of its own`, async () => {
      const tight = await startSshd(land, `sessions-${sessions}`, [key], `MaxSessions ${sessions}`)
      const one = way(at(tight.port))
      await serves(one)
      await locked(one, [one.node], async () => {
        const told = await Promise.all([1, 2, 3].map(() => one.tell(probe().guards)))
        for (const { lost, results } of told) assert.equal([lost, results], [undefined, ['ok', 'changed']])
      })
    })
  }

  hardened('a jump host that takes few logins at a time, and eight nodes behind it', async () => {
    const gate = await startSshd(land, 'narrow', [key], 'MaxStartups 2:100:2')
    const hosts = `Host gate\n  HostName 127.0.0.1\n  Port ${gate.port}\nHost 192.0.2.*\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump gate`
    const one = way(hosts, undefined, { nodes: 8 })
    await locked(one, one.config.nodes, async () => {
      const told = await Promise.all(one.config.nodes.map((node) => one.tell(probe().guards, 'apply', node)))
      for (const { lost, results } of told) assert.equal([lost, results], [undefined, ['ok', 'changed']])
    })
  })
  hardened.run()
}
