/** A node with dnf beside one with zypper (the lab's flavours): built, told what is wrong with packages and keys, and taken away again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ended, LONG, onLab, until } from './cluster.mts'

const options = { flavour: 'dnf zypper', keystone: false, public: '172.20.66', heartbeat: '10.99.66' }

/** The lab's repositories on a node. */
const REPO = '/var/cache/lab-rpm'
/** An API that is there without python: it answers whatever is asked. */
const API = (address: string) => `cat >/usr/local/bin/demo-api <<'END'
#!/bin/sh
while read -r line; do case $line in "$(printf '\\r')") break ;; esac; done
printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok'
END
chmod 0755 /usr/local/bin/demo-api
printf '[Service]\\nExecStart=/usr/bin/socat TCP-LISTEN:8099,bind=%s,fork,reuseaddr EXEC:/usr/local/bin/demo-api\\n' ${address} >/etc/systemd/system/demo.service
mkdir -p /etc/haproxy/conf.d
echo 'what nobody can read' >/etc/haproxy/conf.d/other.cfg
systemctl daemon-reload
systemctl start demo`

onLab('families', 't-fam', options, (test, lab) => {
  const [dnf, zypper] = lab.nodes as [string, string]
  const base = () =>
    readFileSync(lab.env, 'utf8').replace(/^(?:REPOS|PACKAGES_\w+|SERVICES?|SERVICE_\w+)=(?:"[^"]*"|.*)\n/gm, '')
  const set = (...lines: readonly string[]) => writeFileSync(lab.env, `${base()}${lines.join('\n')}\n`)
  const keyOf = async (name: string) => {
    const path = join(dirname(lab.env), `${name}.asc`)
    writeFileSync(path, await lab.on(dnf, `cat ${REPO}/keys/${name}.asc`))
    return { path, print: (await lab.on(dnf, `cat ${REPO}/keys/${name}.fingerprint`)).trim() }
  }
  const installed = (node: string, name: string) => lab.ask(node, `rpm -q ${name}`).then(({ code }) => code === 0)
  let before: ReadonlyMap<string, string> = new Map()

  test('a key with another fingerprint is refused before any node is contacted, and both are told', async () => {
    before = await lab.onAll("rpm -qa --qf '%{NAME} %{EVR}\\n' | sort")
    const { print } = await keyOf('extra')
    const wrong = print.replace(/^./, (digit) => (digit === 'A' ? 'B' : 'A'))
    set(`REPOS="file://${REPO}/extra key=extra.asc fingerprint=${wrong}"`)
    const run = await lab.run('cluster', '--to', '01')
    ended(run, 5)
    for (const one of [print, wrong]) assert.ok(run.text.includes(one), run.text)
  })

  test('a package that nobody has signed is refused, with the reason, and nothing is left half done', async () => {
    set(`REPOS="file://${REPO}/unsigned"`)
    const run = await lab.run('cluster', '--to', '02')
    ended(run, 2)
    assert.match(run.text, /not signed|unsigned/i)
    assert.match(run.text, /name\s+the\s+key\s+of\s+its\s+repository/)
    for (const node of lab.nodes) assert.not.ok(await installed(node, 'haproxy'), node)
    await lab.onAll(`rm -f /etc/yum.repos.d/quorate.repo /etc/zypp/repos.d/quorate.repo`)
  })

  test('the plan tells which version comes from where', async () => {
    set()
    const { code, text } = await lab.run('cluster', '--to', '02', '--plan')
    assert.is(code, 3, text)
    assert.match(text, /to be installed: haproxy \S+ from appstream/)
    assert.match(text, /to be installed: haproxy \S+ from Main_Repository/)
  })

  test('held locks are waited for, with who holds them, that of zypper and that of rpm itself; the cluster is built', async () => {
    // fcntl(2), as rpmtxnBegin does it. dnf asks for its repositories without that lock, and zypper for nothing.
    // Whether zypper has it is read from its file: a zypper that asks has the lock for a moment itself, and the other one then gives up.
    const held = {
      [zypper]: `systemd-run --quiet --unit holds sh -c 'sleep 600 | zypper --non-interactive shell'
        timeout 30 sh -c 'until [ -s /run/zypp.pid ]; do sleep 0.1; done'`,
      [dnf]: `systemd-run --quiet --unit holds python3 -c 'import fcntl, time; f = open("/var/lib/rpm/.rpm.lock", "a"); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(600)'
        timeout 30 sh -c 'until find /proc/[0-9]*/fd -lname /var/lib/rpm/.rpm.lock 2>/dev/null | grep -q .; do sleep 0.1; done'`,
    }
    for (const [node, text] of Object.entries(held)) await lab.on(node, text)
    const { child, run } = lab.begin('cluster', '--to', '05', '--json', '--verbose')
    let said = ''
    child.stderr?.on('data', (some) => {
      said += some
    })
    // The one waits in 01, the other one in 02, to which the run comes afterwards.
    try {
      for (const node of [zypper, dnf]) {
        const told = new RegExp(`${node} .*another package manager is at work \\(up to 300 s\\): process \\d+ \\(`)
        await until(`${node} waits for the lock`, 90, async () => told.test(said))
        await lab.on(node, 'systemctl stop holds')
      }
    } finally {
      await lab.onAll('systemctl stop holds 2>/dev/null || :')
    }
    ended(await run, 0)
    for (const [node, said] of await lab.onAll('corosync-quorumtool -s; systemctl is-active pacemaker')) {
      assert.match(said, /^Quorate: +Yes/m, node)
      assert.match(said, /^active$/m, node)
    }
    await lab.holder()
  })

  test('a second run changes nothing, and starts no package manager', async () => {
    await lab.onAll('touch /run/before')
    const again = await lab.run('cluster', '--to', '05', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
    for (const [node, said] of await lab.onAll(
      'find /var/log/dnf.log /var/log/zypper.log /var/log/zypp/history -newer /run/before 2>/dev/null || :',
    ))
      assert.is(said, '', node)
  })

  test('crmsh is where a repository offers it, and status says where none does', async () => {
    assert.equal([await installed(dnf, 'crmsh'), await installed(zypper, 'crmsh')], [false, true])
    const { text } = await lab.run('status')
    assert.match(text, new RegExp(`crmsh +not installed on ${dnf}: no repository offers it`))
  })

  test('HAProxy has its log and its socket, and reads nothing but its own file', async () => {
    for (const node of lab.nodes) await lab.on(node, API(lab.address(node)))
    set('SERVICE_keystone="port=8099 check=/ expect=200"')
    ended(await lab.run('cluster', '--to', '06', '--json'), 0)
    for (const [node, said] of await lab.onAll(
      `systemctl is-active haproxy; ls /run/haproxy/admin.sock; nsenter --mount --target "$(systemctl show -p MainPID --value haproxy)" ls /var/lib/haproxy/dev/log`,
    ))
      assert.is(said, 'active\n/run/haproxy/admin.sock\n/var/lib/haproxy/dev/log\n', node)
    const again = await lab.run('cluster', '--to', '06', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  })

  if (LONG) {
    test('a repository with a key of its own is trusted once the key is named', async () => {
      // Each flavour has a key of its own.
      const both = await lab.onAll(`cat ${REPO}/keys/extra.asc`)
      writeFileSync(join(dirname(lab.env), 'both.asc'), [...both.values()].join(''))
      set(`REPOS="file://${REPO}/extra key=both.asc"`)
      ended(await lab.run('cluster', '--to', '05', '--json'), 0)
      assert.ok(await installed(dnf, 'crmsh'))
      const again = await lab.run('cluster', '--to', '05', '--json')
      ended(again, 0)
      assert.is(again.json().changed, 0, again.text)
    })

    test('a version that nobody offers is told with those on offer', async () => {
      set('PACKAGES_corosync=99.1')
      const run = await lab.run('cluster', '--to', '02')
      ended(run, 2)
      assert.match(run.text, /corosync 99\.1 is not on offer; there is: 3\./)
      set()
    })
  }

  test('and away again: packages, repositories and keys are what they were', async () => {
    set()
    ended(await lab.run('destroy', '--packages', '--yes'), 0)
    for (const [node, said] of await lab.onAll("rpm -qa --qf '%{NAME} %{EVR}\\n' | sort")) {
      assert.is(said, before.get(node), node)
    }
    assert.match(await lab.on(dnf, `grep -A9 '^.highavailability.' /etc/yum.repos.d/*.repo`), /enabled=0/)
  })
})
