/** The way to a node, against a real sshd: scripts, one login for many, what went wrong in words, users and their shells. */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { reason } from '../../lib/reason.mts'
import { compile } from '../../lib/script.mts'
import { sh } from '../../lib/shell.mts'
import { suite } from '../suite.mts'
import { freePort, type Ground, must, onSshd, startSshd } from './sshd.mts'
import { at, type Way, ways } from './way.mts'

await onSshd(tests)

async function tests(land: Ground) {
  const key = land.key('key')
  const otherKey = land.key('other-key')
  const banner = join(land.dir, 'banner')
  writeFileSync(banner, '*** Authorized use only ***\n')
  const sshd = await startSshd(land, 'target', [key], `Banner ${banner}`)

  const way = ways(land, key)
  /** Counts since the last call. */
  let last = sshd.seen()
  const since = () => {
    const now = sshd.seen()
    const seen = [now.logins - last.logins, now.sessions - last.sessions]
    last = now
    return seen
  }
  const why = async (one: Way) => {
    const { exit, lines } = await one.run('echo reached')
    assert.equal(lines, [])
    return { status: exit.status, ...reason(exit) }
  }

  const scripts = suite('scripts over ssh')
  const plain = way(at(sshd.port))

  scripts('run as root, line by line, with their own exit status; what ssh says is kept apart', async () => {
    const { exit, lines } = await plain.run('id -u\necho two\nprintf three\nexit 7\n')
    assert.equal([exit.status, lines], [7, ['0', 'two', 'three']])
    const said = await plain.run('echo out; echo err >&2; exit 1')
    assert.equal([said.exit.status, said.lines], [1, ['out']])
    assert.match(said.exit.stderr, /^err$/m)
    assert.is((await plain.run('')).exit.status, 0)
  })

  scripts('one login for many scripts', async () => {
    const one = way(at(sshd.port))
    since()
    for (let time = 0; time < 4; time++) assert.is((await one.run(':')).exit.status, 0)
    await Promise.all([1, 2, 3].map(() => one.run(':')))
    assert.equal(since(), [1, 7])
  })

  scripts('each line comes when it is said, not when all is over', async () => {
    const sign = join(land.dir, 'sign')
    const session = plain.one.run(
      plain.node,
      `${sh`echo first; until [ -e ${sign} ]; do sleep 0.02; done; echo second; exit`}\n`,
      (line) => line === 'first' && writeFileSync(sign, ''),
      new AbortController().signal,
    )
    const exit = await session.exit
    assert.is(exit.status, 0)
  })

  scripts('5 MB of output, and values of any kind and length, arrive whole', async () => {
    const { lines, exit } = await plain.run(`awk 'BEGIN { for (i = 0; i < 50000; i++) printf "%0100d\\n", i }'`)
    assert.equal([exit.status, lines.length, lines.at(-1)], [0, 50_000, `${'0'.repeat(95)}49999`])
    const value = `it's "odd" \`id\` $HOME \\ pässwörd 密码 ${'0123456789abcdef'.repeat(256)}`
    assert.equal((await plain.run(sh`printf '%s\\n' ${value}`)).lines, [value])
    const long = `# ${'x'.repeat(3_000_000)}\necho end`
    assert.equal((await plain.run(long)).lines, ['end'])
  })

  scripts('a framed script: hello first, bye last, nothing eaten', async () => {
    const script = compile(
      [
        { title: 'a', check: 'cat' },
        { title: 'b', check: 'exit 1', apply: 'cat; exit 3' },
      ],
      'apply',
    )
    const lines: string[] = []
    const hear = (line: string) => lines.push(line)
    await plain.one.run(plain.node, script.text, hear, new AbortController().signal).exit
    const frames = lines.flatMap((line) => script.frame(line)?.at ?? [])
    assert.equal(frames, ['hello', 'start', 'end', 'start', 'apply', 'end', 'bye'])
  })

  scripts('a stop ends it at once', async () => {
    const abort = new AbortController()
    const sign = join(land.dir, 'go on')
    // What runs on the node goes on until the sign is there: the stop must not wait for it.
    const script = `${sh`echo begun; until [ -e ${sign} ]; do sleep 0.02; done`}\n`
    await plain.one.run(plain.node, script, () => abort.abort(), abort.signal).exit
    writeFileSync(sign, '')
    assert.is((await plain.run(':')).exit.status, 0, 'the connection is still good')
  })

  scripts('the generated ssh_config serves an operator too', () => {
    assert.is(must('ssh', '-F', plain.file, '192.0.2.1', 'echo here').trim(), 'here')
    const shown = must('ssh', '-G', '-F', plain.file, '192.0.2.1')
    assert.match(shown, /^user root$/m)
    assert.match(shown, /^stricthostkeychecking accept-new$/m)
    assert.match(shown, /^connecttimeout 10$/m)
  })
  scripts.run()

  const connections = suite('connections')

  connections('a master that died leaves its socket behind: the next script makes another', async () => {
    const one = way(at(sshd.port))
    await one.run(':')
    const [, pid] = /pid=(\d+)/.exec(
      spawnSync('ssh', ['-F', one.file, '-O', 'check', '192.0.2.1'], { encoding: 'utf8' }).stderr,
    ) as RegExpExecArray
    process.kill(Number(pid), 'SIGKILL')
    since()
    assert.equal((await one.run('echo again')).lines, ['again'])
    assert.equal((await one.run('echo more')).lines, ['more'])
    assert.equal(since(), [1, 2])
  })

  connections('a session that is cut off in the middle is not an exit status of the script', async () => {
    const one = way(at(sshd.port))
    const sign = join(land.dir, 'cut')
    // The parent of the shell is setsid, whose parent is the sshd of this connection.
    const script = `${sh`echo begun; until [ -e ${sign} ]; do sleep 0.02; done
      kill -9 "$(awk '$1 == "PPid:" { print $2 }' "/proc/$PPID/status")"; echo on; sleep 2`}\n`
    const heard: string[] = []
    const hear = (line: string) => {
      heard.push(line)
      writeFileSync(sign, '')
    }
    const exit = await one.one.run(one.node, script, hear, new AbortController().signal).exit
    assert.equal(heard, ['begun'])
    assert.is(exit.status, 255)
    assert.ok(reason(exit).text.length > 0)
    assert.equal((await one.run('echo again')).lines, ['again'])
  })

  connections('the path of a socket stays within 108 characters, and its folder is ours alone', async () => {
    const socketOf = (config: string) => /^\s*ControlPath "(.*)"$/m.exec(readFileSync(config, 'utf8'))?.[1] as string
    assert.ok(socketOf(plain.file).startsWith(`${land.dir}/`))
    const runtime = process.env.XDG_RUNTIME_DIR
    try {
      process.env.XDG_RUNTIME_DIR = join(land.dir, 'a folder with a path that is too long'.repeat(3))
      mkdirSync(process.env.XDG_RUNTIME_DIR)
      const one = way(at(sshd.port))
      const path = socketOf(one.file)
      assert.ok(path.replace('%C', 'x'.repeat(40)).length + 17 < 108, path)
      assert.is((await one.run(':')).exit.status, 0)
      spawnSync('ssh', ['-F', one.file, '-O', 'exit', '192.0.2.1'])
    } finally {
      process.env.XDG_RUNTIME_DIR = runtime
    }
    const [top] = readdirSync(land.dir).filter((name) => name.startsWith('quorate-'))
    assert.is(must('stat', '-c', '%a', join(land.dir, top as string)).trim(), '700')
  })

  connections('two clusters with the same addresses share none', () => {
    const paths = [way(''), way('')].map(({ file }) => /ControlPath (.*)/.exec(readFileSync(file, 'utf8'))?.[1])
    assert.is.not(paths[0], paths[1])
  })
  connections.run()

  const wrong = suite('what went wrong, in words')

  wrong('nothing listens', async () => {
    const { status, text, detail, remedy } = await why(way(at(await freePort())))
    assert.is(status, 255)
    assert.is(text, 'nothing listens on its ssh port')
    assert.match(detail as string, /Connection refused/)
    assert.match(remedy, 'SSH_PORT')
  })

  wrong('a key that is refused', async () => {
    const { status, text, detail, remedy } = await why(way(at(sshd.port), [`SSH_KEY=${otherKey}`]))
    assert.is(status, 255)
    assert.is(text, 'it refuses the login')
    assert.match(detail as string, /Permission denied/)
    assert.match(remedy, 'SSH_KEY')
  })

  wrong('a host key is pinned at first sight, and refused when it is another one', async () => {
    const known = join(land.dir, 'known-pinned')
    assert.equal((await way(at(sshd.port), undefined, { known }).run('echo in')).lines, ['in'])
    assert.match(readFileSync(known, 'utf8'), 'ssh-ed25519')
    const [type, base64] = readFileSync(`${otherKey}.pub`, 'utf8').split(' ')
    writeFileSync(known, readFileSync(known, 'utf8').replace(/ssh-ed25519 \S+/, `${type} ${base64}`))
    await changed(way(at(sshd.port), undefined, { known }), known, `[127.0.0.1]:${sshd.port}`)
  })

  /** That of a public key file, as ssh-keygen(1) prints it. */
  const fingerprint = (path: string) => must('ssh-keygen', '-l', '-f', `${path}.pub`).split(' ')[1] as string

  /** Both fingerprints, the line of the file, and a command that makes it good. */
  async function changed(one: Way, known: string, host: string) {
    const { status, text, detail, remedy } = await why(one)
    assert.is(status, 255)
    assert.match(text, /host key of .*is not the one known for it|its host key is not the one known for it/)
    assert.is(detail, `known: ${fingerprint(otherKey)}, line 1 of ${known}\nsent:  ${fingerprint(sshd.hostKey)}`)
    const command = /ssh-keygen -R .* -f [^ .]+/.exec(remedy)?.[0] as string
    assert.is(command, `ssh-keygen -R ${sh`${host}`} -f ${known}`)
    must('sh', '-c', command)
    assert.equal((await one.run('echo in')).lines, ['in'])
  }

  wrong('the same where known_hosts is hashed', async () => {
    const known = join(land.dir, 'known-hashed')
    const [type, base64] = readFileSync(`${otherKey}.pub`, 'utf8').split(' ')
    writeFileSync(known, `[127.0.0.1]:${sshd.port} ${type} ${base64}\n`)
    must('ssh-keygen', '-q', '-H', '-f', known)
    assert.not.match(readFileSync(known, 'utf8'), '127.0.0.1')
    await changed(way(at(sshd.port), undefined, { known }), known, `[127.0.0.1]:${sshd.port}`)
  })

  wrong('a host key that is not known where ssh may accept none', async () => {
    const { text, remedy } = await why(way(`${at(sshd.port)}\n  StrictHostKeyChecking yes`))
    assert.match(text, 'its host key is not known here')
    assert.match(remedy, 'accept-new')
  })

  wrong(
    'a jump host with another key, one that refuses, one that is down, and a node that it does not reach',
    async () => {
      const jump = await startSshd(land, 'gate', [key])
      const over = (port: number, target = sshd.port) =>
        `Host gate\n  HostName 127.0.0.1\n  Port ${port}\nHost 192.0.2.*\n  HostName 127.0.0.1\n  Port ${target}\n  ProxyJump gate`
      const gone = (one: Way) => {
        land.onClose(() => spawnSync('ssh', ['-F', one.file, '-O', 'exit', 'gate']))
        return one
      }
      const known = join(land.dir, 'known-gate')
      const [type, base64] = readFileSync(`${otherKey}.pub`, 'utf8').split(' ')
      writeFileSync(known, `[127.0.0.1]:${jump.port} ${type} ${base64}\n`)
      const { text, detail, remedy } = await why(gone(way(over(jump.port), undefined, { known })))
      assert.is(text, `the host key of the jump host [127.0.0.1]:${jump.port} is not the one known for it`)
      assert.match(detail as string, fingerprint(jump.hostKey))
      assert.match(remedy, `ssh-keygen -R '[127.0.0.1]:${jump.port}' -f ${known}`)
      assert.match(
        (await why(way(over(await freePort())))).text,
        /^the way to it leads over the jump host .*: nothing listens/,
      )
      assert.match(
        (await why(way(over(jump.port), [`SSH_KEY=${otherKey}`]))).text,
        /^the way to it leads over the jump host .*: it refuses the login/,
      )
      const beyond = await why(gone(way(over(jump.port, await freePort()))))
      assert.is(beyond.text, 'seen from the jump host, nothing listens on its ssh port')
    },
  )

  wrong('a private key that others can read', async () => {
    const open = join(land.dir, 'open-key')
    for (const end of ['', '.pub']) copyFileSync(`${key}${end}`, `${open}${end}`)
    chmodSync(open, 0o644)
    const { text, remedy } = await why(way(at(sshd.port), [`SSH_KEY=${open}`]))
    assert.is(text, `ssh does not use the key ${open}: others can read it`)
    assert.is(remedy, `chmod 600 ${open}`)
  })

  wrong('a public key where the private one belongs', async () => {
    const { text } = await why(way(at(sshd.port), [`SSH_KEY=${key}.pub`]))
    assert.match(text, /^ssh does not use the key|is damaged, or no private key$/)
  })

  wrong('an SSH_CONFIG that ssh cannot read', async () => {
    const { status, text } = await why(way('Host 192.0.2.1\n  Prot 22'))
    assert.is(status, 255)
    assert.match(text, 'the ssh configuration is wrong')
  })

  wrong('a name that is not known here', async () => {
    const { status, text } = await why(way('Host node1\n  HostName no-such-host.invalid'))
    assert.is(status, 255)
    assert.is(text, 'its name is not known')
  })

  wrong('no answer is told as such, and so is silence', () => {
    const said = (stderr: string) => reason({ status: 255, stderr }).text
    assert.match(said('ssh: connect to host 192.0.2.1 port 22: Connection timed out'), 'it does not answer')
    assert.match(said('ssh: connect to host 192.0.2.1 port 22: No route to host'), 'it does not answer')
    assert.match(said('Timeout, server 192.0.2.1 not responding.'), 'it does not answer')
    assert.match(said(''), 'the connection ended before the answer was whole')
  })
  wrong.run()

  const users = suite('users and their shells')
  const sudo = spawnSync('sudo', ['-V']).error === undefined && existsSync('/etc/sudoers.d')
  const asUser = (name: string, hosts = at(sshd.port)) => way(hosts, [`SSH_KEY=${key}`, `SSH_USER=${name}`])
  const free = (name: string) => {
    const file = `/etc/sudoers.d/${name}`
    writeFileSync(file, `${name} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 })
    land.onClose(() => must('rm', '-f', file))
  }
  const RC = { '.bashrc': 'sleep 1\necho "welcome back"\n', '.profile': 'echo profile\n' }
  for (const [program, noise] of [
    ['sh', []],
    ['bash', ['welcome back']],
    ['fish', []],
  ] as const) {
    const path = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim()
    const title = `a login shell ${program}, and sudo that asks nothing${noise.length > 0 ? '; a slow and noisy .bashrc' : ''}`
    if (!sudo || path === '') {
      users.skip(title, sudo ? `${program} is not installed` : 'sudo is not installed')
      continue
    }
    users(title, async () => {
      const name = land.user(path, RC)
      free(name)
      const value = `it's "odd" $HOME`
      const { exit, lines } = await asUser(name).run(sh`id -u; printf '%s\\n' ${value}; cat /proc/$$/comm; exit 5`)
      assert.equal([exit.status, lines], [5, [...noise, '0', value, 'sh']], exit.stderr)
    })
  }
  users('a user whose login shell lets nobody in', async () => {
    const nobody = ['/usr/sbin/nologin', '/sbin/nologin'].find((path) => existsSync(path)) as string
    const { exit, lines } = await asUser(land.user(nobody)).run('echo reached')
    assert.is.not(exit.status, 0)
    assert.match(reason({ ...exit, stderr: `${lines[0]}\n${exit.stderr}` }).text, 'no login shell')
  })
  if (!sudo) users.skip('sudo that asks for a password', 'sudo is not installed')
  else {
    users('sudo that asks for a password', async () => {
      const { text, remedy } = await why(asUser(land.user('/bin/sh')))
      assert.match(text, 'sudo asks for a password')
      assert.match(remedy, 'NOPASSWD')
    })
    const rule = (name: string, text: string) => {
      const file = `/etc/sudoers.d/${name}`
      writeFileSync(file, text, { mode: 0o440 })
      land.onClose(() => must('rm', '-f', file))
    }
    users('sudo that allows something else', async () => {
      const name = land.user('/bin/sh')
      rule(name, `${name} ALL=(ALL) NOPASSWD: /bin/true\n`)
      const { text, remedy } = await why(asUser(name))
      assert.match(text, /sudo does not let the user become root|sudo asks for a password/)
      assert.match(remedy, 'NOPASSWD')
    })
    users('sudo that wants a terminal', async () => {
      const name = land.user('/bin/sh')
      rule(name, `Defaults:${name} requiretty\n${name} ALL=(ALL) NOPASSWD: ALL\n`)
      const { text, remedy } = await why(asUser(name))
      assert.match(text, 'sudo wants a terminal there')
      assert.match(remedy, 'requiretty')
    })
  }
  users.run()

  const operators = suite("the operator's ssh_config")

  operators('a Host block for the name of the node', async () => {
    for (const pattern of ['node1', 'node1.test.com', 'node*', 'NODE1']) {
      const one = way(at(sshd.port, pattern))
      assert.equal((await one.run('echo in')).lines, pattern === 'NODE1' ? [] : ['in'], pattern)
    }
  })

  operators('what the env file says comes first, what the operator says second', async () => {
    const name = land.user('/bin/sh')
    const lines = async (hosts: string, env: readonly string[]) => (await way(hosts, env).run('echo in')).lines
    assert.equal(
      await lines(`${at(1)}\n  User ${name}`, [`SSH_KEY=${key}`, `SSH_PORT=${sshd.port}`, 'SSH_USER=root']),
      ['in'],
    )
    assert.equal(await lines(`${at(sshd.port)}\n  User root\n  IdentityFile ${key}\n  IdentitiesOnly yes`, []), ['in'])
  })

  operators('a jump host, with one login on it too', async () => {
    const jump = await startSshd(land, 'jump', [key])
    const hosts = `Host gate\n  HostName 127.0.0.1\n  Port ${jump.port}\nHost 192.0.2.*\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump gate`
    const one = way(hosts)
    land.onClose(() => spawnSync('ssh', ['-F', one.file, '-O', 'exit', 'gate']))
    since()
    for (const word of ['one', 'two', 'three']) assert.equal((await one.run(`echo ${word}`)).lines, [word])
    assert.equal(since(), [1, 3])
    assert.is(jump.seen().logins, 1, jump.log())
  })
  operators.run()
}
