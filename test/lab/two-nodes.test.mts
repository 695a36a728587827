/** Two controllers: a fresh build, what it built, that it is left alone, and all that happens to a cluster in its life. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Status } from '../../lib/status.mts'
import { rowsOf } from '../tables.mts'
import { shownOn } from '../unit/terminal.mts'
import { changedOn, EVERYTHING, ended, eventsOf, LONG, onLab, ROOT, same, until } from './cluster.mts'

const PHASES = [
  '00-prereqs',
  '01-repos',
  '02-packages',
  '03-corosync',
  '04-pacemaker',
  '05-vip',
  '06-haproxy',
  '07-keystone-endpoints',
]
const CONF = '/etc/corosync/corosync.conf'
const KEY = '/etc/corosync/authkey'
const CFG = '/etc/haproxy/haproxy.cfg'

const SETTINGS = `find /etc /var/lib/quorate -printf '%p %y %m %U:%G %l %T@ %C@\\n' | sort
  find /etc /var/lib/quorate -type f -exec sha256sum {} + | sort`
const INVOCATIONS =
  'for unit in corosync pacemaker haproxy keystone chrony ssh; do echo $unit $(systemctl show --property InvocationID --value $unit); done'
const EPOCH = 'cibadmin --query | grep -o -m 1 -e " epoch=[^ ]*" -e " admin_epoch=[^ ]*"'
const QUORATE = `corosync-quorumtool -s | sed -n 's/^Quorate: *//p'`

onLab('two nodes', 't-two', { public: '192.168.118', heartbeat: '10.0.142' }, (test, lab) => {
  const [one, two] = lab.nodes as [string, string]
  const other = (node: string) => (node === one ? two : one)
  const password = () => /^OS_PASSWORD=(.*)$/m.exec(readFileSync(lab.env, 'utf8'))?.[1] as string

  const holds = async () => ended(await lab.run('verify'), 0)
  const unchanged = async () => {
    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    assert.is(again.json().changed, 0, again.text)
  }
  /** Verify waits a little for what comes by itself; a node that was switched on needs longer. */
  const heals = () =>
    until('the cluster is whole again', 120, async () => {
      const said = await lab.on(one, 'crm_mon --one-shot --inactive')
      assert.match(said, /Online: \[ node1 node2 \]/)
      assert.match(said, /Started: \[ node1 node2 \]/)
      assert.not.match(said, /partition WITHOUT quorum|UNCLEAN|Stopped/)
      return lab.holder()
    })
  let built = false
  const story = (title: string, tell: () => Promise<void>) =>
    test(title, async () => {
      assert.ok(built, 'the cluster was not built')
      await tell()
    })

  test('a plan of fresh nodes tells what is to come and touches nothing', async () => {
    // What a first login brings about by itself.
    await lab.type('ssh', '-F', lab.sshConfig, one, 'true')
    await lab.type('ssh', '-F', lab.sshConfig, two, 'true')
    const before = await lab.onAll(EVERYTHING)
    const plan = await lab.run('cluster', '--plan', '--json')
    ended(plan, 3)
    assert.is(plan.json().result, 'pending')
    assert.ok(changedOn(plan, one) > 0 && changedOn(plan, two) > 0)
    assert.is(plan.json().failed, 0)
    const matrix = plan.stderr
      .split('\n')
      .slice(plan.stderr.split('\n').findIndex((line) => /^ +node1 +node2$/.test(line)))
    assert.equal(
      matrix.slice(1, 9).map((line) => line.split(/ {2,}/)[0]),
      PHASES,
    )
    assert.match(plan.stderr, /^00-prereqs +would change \(\d+\) +would change \(\d+\)$/m)
    assert.match(plan.stderr, /^05-vip +would change \(1\) +depends$/m)
    assert.match(plan.stderr, /^07-keystone-endpoints +depends +-$/m)
    assert.match(plan.stderr, /^ +--- CIB\n +\+\+\+ CIB \(wanted\)\n +@@ .*\n +\+<primitive id="vip"/m)
    const after = await lab.onAll(EVERYTHING)
    for (const node of lab.nodes) same(after.get(node), before.get(node), node)
    assert.ok((before.get(one) as string).split('\n').length > 10_000)
  })

  test('a fresh build', async () => {
    const run = await lab.run('cluster', '--json', '--verbose')
    ended(run, 0)
    const json = run.json()
    assert.is(run.stdout.trimEnd().split('\n').length, 1, run.stdout)
    assert.is(json.result, 'changed')
    assert.is(json.failed, 0)
    assert.equal(
      json.phases.map(({ id }) => id),
      PHASES,
    )
    for (const phase of json.phases) assert.equal(Object.keys(phase.nodes), lab.nodes, phase.id)
    assert.not.match(run.stderr, /^\s+at .*:\d+:\d+\)?$/m)
    built = true
  })

  story('the ring and its key', async () => {
    for (const node of lab.nodes) {
      const links = await lab.on(node, 'corosync-cfgtool -s')
      assert.is(links.match(/^LINK ID/gm)?.length, 2, links)
      assert.is(links.match(/:\s*connected$/gm)?.length, 2, links)
      const quorum = await lab.on(node, 'corosync-quorumtool -s')
      assert.match(quorum, /^Quorate: +Yes$/m)
      assert.match(quorum, /^Flags: .*2Node/m)
      assert.match(quorum, /^Total votes: +2$/m)
      assert.is((await lab.on(node, `stat -c '%a %U:%G' ${KEY}`)).trim(), '400 root:root')
    }
    const keys = await lab.onAll(`sha256sum ${KEY}`)
    assert.is(keys.get(one), keys.get(two))
  })

  story('the resources', async () => {
    assert.ok(lab.nodes.includes(await lab.holder()))
    for (const node of lab.nodes) {
      const said = await lab.on(node, 'crm_mon --one-shot')
      assert.match(said, /Online: \[ node1 node2 \]/)
      assert.match(said, /Clone Set: haproxy-clone \[haproxy\]:\n\s+\* Started: \[ node1 node2 \]/)
      assert.is((await lab.ask(node, 'systemctl is-enabled haproxy')).stdout.trim(), 'disabled')
      assert.is((await lab.ask(node, 'systemctl is-active haproxy chrony')).stdout, 'active\nactive\n')
    }
  })

  story('what runs as whom, what listens where and who may read what, as docs/security.md has it', async () => {
    const document = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')
    const programs = rowsOf(document, 'What runs on a node')
    const wanted = programs.map(([program, user]) => `${program} ${user}`).sort()
    const files = rowsOf(document, 'What is kept on a node')
    assert.ok(programs.length > 8 && files.length > 8)
    for (const node of lab.nodes) {
      const running = (await lab.on(node, 'ps -e -o user:32=,args='))
        .split('\n')
        .map((line) => line.split(/\s+/))
        .map(([user, path = '']) => [path.replace(/.*\//, ''), user] as const)
        .filter(([program]) => /^(?:corosync|pacemaker|haproxy)/.test(program))
      assert.equal([...new Set(running.map((words) => words.join(' ')))].sort(), wanted, node)

      const at: Readonly<Record<string, string>> = {
        NODE: lab.address(node),
        LINK1: lab.address(node).replace(/^.*(?=\.)/, '10.0.142'),
        VIP: lab.vip,
      }
      const doors = programs
        .flatMap(([program, , doors = '']) =>
          [...doors.matchAll(/(\w+) (\w+):(\d+)/g)].map((door) => [program, ...door]),
        )
        .map(([program, , protocol, host = '', port]) => `${program} ${protocol} ${at[host]}:${port}`)
      const open = (await lab.on(node, 'ss -H -t -u -l -n -p'))
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/))
        .map(([protocol, , , , local, , who = '']) => `${/"(.*?)"/.exec(who)?.[1]} ${protocol} ${local}`)
        .filter((door) => !/^(?:sshd|chronyd|uwsgi\w*) /.test(door))
      assert.equal(open.sort(), doors.sort(), node)

      for (const [path = '', mode] of files)
        assert.is((await lab.on(node, `stat -c '%a %U:%G' ${path}`)).trim(), mode, `${node}: ${path}`)
    }
  })

  story('the nodes know and trust one another', async () => {
    for (const node of lab.nodes) {
      for (const name of lab.nodes) {
        assert.match(await lab.on(node, `getent hosts ${name}`), new RegExp(`^${lab.address(name)} .*${name}`))
        assert.match(await lab.on(node, `getent hosts ${name}.test.com`), new RegExp(`^${lab.address(name)} `))
      }
      const far = await lab.on(
        node,
        `ssh -n -o BatchMode=yes -o StrictHostKeyChecking=yes root@${other(node)} uname -n`,
      )
      assert.is(far.trim(), other(node))
    }
  })

  story('the catalogue leads to the VIP, asked through the VIP', async () => {
    const login = {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'admin', domain: { name: 'Default' }, password: password() } },
        },
        scope: { project: { name: 'admin', domain: { name: 'Default' } } },
      },
    }
    const url = `http://${lab.vip}:5000/v3/auth/tokens`
    const said = await lab.ops('curl', '-sS', '--noproxy', '*', '--json', JSON.stringify(login), url)
    const { token } = JSON.parse(said)
    const identity = token.catalog.find(({ type }: { type: string }) => type === 'identity')
    assert.equal(identity.endpoints.map((each: { interface: string }) => each.interface).sort(), [
      'admin',
      'internal',
      'public',
    ])
    for (const endpoint of identity.endpoints) assert.is(endpoint.url, `http://${lab.vip}:5000/v3`)
  })

  story('verify and status', async () => {
    await holds()
    const status = await lab.run('status')
    ended(status, 0)
    const holder = await lab.holder()
    assert.match(status.stdout, new RegExp(`^VIP .*held by ${holder}$`, 'm'))
    for (const node of lab.nodes) assert.match(status.stdout, new RegExp(`^${node} +online `, 'm'))
  })

  story('a second run changes nothing and restarts nothing', async () => {
    const look = () => lab.onAll(`${INVOCATIONS}; ${EPOCH}; ${SETTINGS}`)
    const logins = () => lab.onAll("journalctl --quiet --unit ssh --output cat | grep -c '^Accepted '")
    ended(await lab.run('status'), 0)
    const [before, connected] = [await look(), await logins()]
    const run = await lab.run('cluster', '--json')
    ended(run, 0)
    assert.is(run.json().result, 'ok')
    assert.is(run.json().changed, 0)
    // Each script is an ssh process and a round trip; the connections are those of the run before.
    const scripts = eventsOf(run.json().log).filter(({ type, state }) => type === 'script' && state === 'sent')
    assert.equal(Map.groupBy(scripts, ({ node }) => node).get(one)?.length, 3)
    assert.equal(Map.groupBy(scripts, ({ node }) => node).get(two)?.length, 2)
    assert.equal(await logins(), connected)
    const after = await look()
    for (const node of lab.nodes) same(after.get(node), before.get(node), node)
    assert.match(
      before.get(one) as string,
      /^corosync [0-9a-f]{32}\npacemaker [0-9a-f]{32}\nhaproxy [0-9a-f]{32}\nkeystone [0-9a-f]{32}\nchrony [0-9a-f]{32}\n/,
    )
    assert.match(before.get(one) as string, / epoch="\d+"/)
  })

  story('one phase alone, as it is typed', async () => {
    const run = await lab.type('npx', 'zx', 'tasks/03-corosync.mts', '--plan', '--env', lab.env)
    ended(run, 0)
    assert.match(run.stdout, /^total +ok: [1-9]\d* +to change: 0 +failed: 0 /m)
  })

  story('a plan of a cluster that has drifted tells all of it, shows no password, and touches nothing', async () => {
    const secret = 'Old-Fence-Pass'
    const set = `<instance_attributes id="old"><nvpair id="old-passwd" name="passwd" value="${secret}"/></instance_attributes>`
    const meta =
      '<meta_attributes id="off"><nvpair id="off-role" name="target-role" value="Stopped"/></meta_attributes>'
    const device = `<primitive id="fence-${one}" class="stonith" type="fence_dummy">${set}${meta}</primitive>`
    await lab.on(one, `cibadmin --create --scope resources --xml-text '${device}'`)
    await lab.on(one, 'crm_resource --resource vip --set-parameter arp_count_refresh --parameter-value 2')
    await lab.on(one, 'crm_resource --wait --timeout 60')
    await lab.on(two, `echo '# by hand' >>${CFG}`)

    const look = () => lab.onAll(`${EVERYTHING}; ${INVOCATIONS}; ${EPOCH}`)
    const before = await look()
    const plan = await lab.run('cluster', '--plan', '--json')
    const after = await look()
    for (const node of lab.nodes) same(after.get(node), before.get(node), node)
    ended(plan, 3)
    assert.equal([plan.json().result, plan.json().changed, plan.json().failed], ['pending', 4, 0])
    for (const line of [
      / +node1 +node2/,
      /03-corosync +true +true/,
      /04-pacemaker +would change \(1\) +true/,
      /05-vip +would change \(1\) +true/,
      /06-haproxy +true +would change \(2\)/,
      /07-keystone-endpoints +true +-/,
      / +- +<nvpair id="old-passwd" name="passwd" value="\*{8}"\/>/,
      / +- +<nvpair name="arp_count_refresh" value="2" .*/,
      / +\+ +<nvpair name="arp_count_refresh" value="1" .*/,
      / +\* Restart vip \( node[12] \).*/,
      / +-# by hand/,
    ])
      assert.match(plan.stderr, new RegExp(`^${line.source}$`, 'm'))
    for (const text of [plan.text, readFileSync(plan.json().log, 'utf8')]) assert.not.ok(text.includes(secret))

    ended(await lab.run('cluster'), 0)
    assert.not.match(await lab.on(one, 'cibadmin --query'), new RegExp(secret))
    await unchanged()
    await holds()
  })

  story('corosync.conf altered on one node: told by a plan, mended there and nowhere else', async () => {
    await lab.on(
      two,
      `cp -p ${CONF} /run/before && sed -i 's/^\\( *\\)version: 2/\\1version: 2\\n\\1# by hand/' ${CONF}`,
    )
    const plan = await lab.run('cluster', '--plan')
    ended(plan, 3)
    assert.match(
      plan.stdout,
      new RegExp(`^ *--- ${CONF}\n *\\+\\+\\+ ${CONF}.*\n *@@ .*(\n .*)*\n *- *# by hand$`, 'm'),
    )
    assert.match(plan.stdout, /^ +node2: would change: .*corosync\.conf/m)
    assert.not.match(plan.stdout, /node1.*would change/)

    const before = await lab.onAll(`${INVOCATIONS}; ${SETTINGS}`)
    const quorum = lab.watch(one, QUORATE)
    const run = await lab.run('cluster', '--json')
    const quorate = await quorum.stop()
    ended(run, 0)
    assert.is(run.json().result, 'changed')
    assert.is(changedOn(run, one), 0, run.text)
    assert.ok(changedOn(run, two) > 0, run.text)
    await lab.on(two, `cmp ${CONF} /run/before`)
    same(await lab.on(one, `${INVOCATIONS}; ${SETTINGS}`), before.get(one))
    assert.ok(quorate.length > 3)
    assert.equal([...new Set(quorate)], ['Yes'])
    await unchanged()
  })

  story('haproxy.cfg removed on the holder of the VIP: back again, and the API answers all the time', async () => {
    const holder = await lab.holder()
    const prober = await lab.probe()
    await lab.on(holder, `cp -p ${CFG} /run/before && rm ${CFG}`)
    const run = await lab.run('cluster', '--json')
    const since = Date.now()
    await until('the API answers after the run', 60, () => prober.goodSince(since) > 5)
    const { failures } = await prober.stop()
    ended(run, 0)
    assert.is(changedOn(run, other(holder)), 0, run.text)
    assert.ok(changedOn(run, holder) > 0, run.text)
    await lab.on(holder, `cmp ${CFG} /run/before`)
    assert.equal(failures, [])
    assert.is(await lab.holder(), holder)
    await unchanged()
  })

  story(
    'haproxy.cfg altered and loaded by hand: the daemon too gets the right one, without an answer lost',
    async () => {
      const holder = await lab.holder()
      const listens = async () => (await lab.on(holder, 'ss -H -l -t -n sport = :5999')) !== ''
      // The first time pacemaker has started the daemon, the second time we have reloaded it.
      for (const time of ['first', 'second']) {
        await lab.on(holder, `printf 'listen scribbled\\n bind 127.0.0.1:5999\\n' >>${CFG}; systemctl reload haproxy`)
        await until('HAProxy has loaded it', 30, listens)
        const prober = await lab.probe()
        const run = await lab.run('cluster', '--json')
        const since = Date.now()
        await until('the API answers after the run', 60, () => prober.goodSince(since) > 5)
        const { failures } = await prober.stop()
        ended(run, 0)
        assert.is(changedOn(run, other(holder)), 0, run.text)
        assert.is(await listens(), false, `${time} time:\n${run.text}`)
        assert.equal(failures, [])
      }
      await unchanged()
    },
  )

  if (LONG)
    story('haproxy.cfg put in place and loaded by somebody else: that is right as it is', async () => {
      // Loaded by us before, and by pacemaker.
      for (const before of ['', 'rm -f /run/quorate/haproxy;']) {
        await lab.on(one, `${before} cp -p ${CFG} ${CFG}.old; mv ${CFG}.old ${CFG}`)
        const run = await lab.run('cluster', '--plan')
        ended(run, 3)
        assert.match(run.stdout, /haproxy.cfg is newer than the running haproxy/)
        await until('the clock has gone on', 5, async () =>
          lab.on(one, `[ "$(date +%s)" -gt "$(stat -c %Z ${CFG})" ] && echo yes || :`).then((said) => said !== ''),
        )
        await lab.on(one, 'systemctl reload haproxy')
        await unchanged()
      }
    })

  if (LONG)
    story('a reload of HAProxy that failed is done by the next run', async () => {
      const fails = '/run/systemd/system/haproxy.service.d/99-fails.conf'
      const listens = async () => (await lab.on(one, 'ss -H -l -t -n sport = :5998')) !== ''
      // It has loaded what is not to be there, and does not load anything else.
      await lab.on(one, `printf 'listen scribbled\\n bind 127.0.0.1:5998\\n' >>${CFG}; systemctl reload haproxy`)
      await until('HAProxy has loaded it', 30, listens)
      await lab.on(
        one,
        `mkdir -p /run/systemd/system/haproxy.service.d
       printf '[Service]\\nExecReload=\\nExecReload=/bin/false\\n' >${fails}; systemctl daemon-reload`,
      )
      const failed = await lab.run('cluster')
      ended(failed, 2)
      await lab.on(one, `rm ${fails}; systemctl daemon-reload`)
      assert.is(await listens(), true)
      const plan = await lab.run('cluster', '--plan')
      ended(plan, 3)
      assert.match(plan.stdout, /its last reload failed: exit-code/)
      ended(await lab.run('cluster'), 0)
      await until('HAProxy has what is right', 30, async () => !(await listens()))
      await unchanged()
    })

  story('the ring key removed on one node: it gets the same one back', async () => {
    const before = await lab.on(one, `sha256sum ${KEY}`)
    await lab.on(one, `rm ${KEY}`)
    const run = await lab.run('cluster', '--json', '--verbose')
    ended(run, 0)
    assert.is(changedOn(run, two), 0, run.text)
    const after = await lab.onAll(`sha256sum ${KEY}`)
    assert.equal([after.get(one), after.get(two)], [before, before])
    assert.is((await lab.on(one, `stat -c '%a %U:%G' ${KEY}`)).trim(), '400 root:root')
    await unchanged()
  })

  story('the holder of the VIP in standby: the API moves, and the node is left aside', async () => {
    const holder = await lab.holder()
    const prober = await lab.probe()
    await lab.on(holder, `crm_standby --node ${holder} --update on`)
    await until('the VIP is on the other node', 60, async () => (await lab.holder()) === other(holder))
    const since = Date.now()
    await until('the API answers there', 60, () => prober.goodSince(since) > 5)
    await prober.stop()

    ended(await lab.run('cluster'), 0)
    assert.match(await lab.on(other(holder), `crm_standby --node ${holder} --query`), /value=on/)
    assert.is(await lab.holder(), other(holder))
    const verify = await lab.run('verify')
    ended(verify, 2)
    assert.match(verify.text, new RegExp(`in standby: ${holder}`))

    await lab.on(holder, `crm_standby --node ${holder} --delete`)
    await heals()
    await holds()
  })

  story('a step that fails on one node: the other one finishes it, and the card tells how to go on', async () => {
    await lab.onAll(`echo '# scribbled' >>${CFG}`)
    await lab.on(two, 'mount -t tmpfs -o size=4k none /etc/haproxy; ! head -c 8192 /dev/zero >/etc/haproxy/full')
    const run = await lab.run('cluster', '--json')
    await lab.on(two, 'umount /etc/haproxy')
    ended(run, 2)
    assert.is(run.json().result, 'failed')
    assert.match(run.stderr, /✖ 06-haproxy failed on node2: /)
    assert.not.match(run.stderr, /failed on .*node1/)
    assert.match(run.stderr, /^ +step +configure$/m)
    assert.match(run.stderr, new RegExp(`^ +log +${join('.state', lab.name)}/runs/.*\\.jsonl$`, 'm'))
    assert.match(run.stderr, new RegExp(`^ +go on +npx zx tasks/cluster.mts --env ${lab.env} --json$`, 'm'))
    // dash has words of its own for a full disk.
    assert.match(run.stderr, /No space left on device|I\/O error/)
    assert.not.match(run.stderr, /^\s+at .*:\d+:\d+\)?$/m)
    assert.not.match(await lab.on(one, `cat ${CFG}`), /scribbled/)
    assert.match(await lab.on(two, `cat ${CFG}`), /scribbled/)

    const again = await lab.run('cluster', '--json')
    ended(again, 0)
    assert.not.match(await lab.on(two, `cat ${CFG}`), /scribbled/)
    await unchanged()
    await holds()
  })

  story('a node without power: exit 4, the other one is not touched; it comes back by itself', async () => {
    const watch = lab.atTerminal('status', '--watch')
    const drawn = () => watch.shown().split('Ctrl-C ends it').at(-1) as string
    await until('a first screen', 30, async () => /^node2 +online /m.test(drawn()))
    await lab.lab('kill', two)
    await until('the other node sees it', 60, async () =>
      /OFFLINE: \[ node2 \]/.test(await lab.on(one, 'crm_mon --one-shot')),
    )
    const before = await lab.on(one, `${INVOCATIONS}; ${EPOCH}; ${SETTINGS}`)
    const run = await lab.run('cluster', '--json')
    ended(run, 4)
    assert.is(run.json().result, 'unreachable')
    assert.match(
      run.stderr,
      /✖ node2 could not be asked: seen from the ProxyCommand in SSH_CONFIG, it\s+does\s+not\s+answer\n +said +.*(?:No route to host|Connection timed out)\n +remedy +check its power/,
    )
    assert.not.match(run.stderr, /node1 could not be asked/)
    same(await lab.on(one, `${INVOCATIONS}; ${EPOCH}; ${SETTINGS}`), before)
    const status = await lab.run('status')
    ended(status, 4)
    assert.match(status.stdout, /^node1 +online .*VIP/m)
    assert.match(status.stdout, /^node2 +NOT REACHED/m)
    const told = await lab.run('status', '--json')
    ended(told, 4)
    const { status: seen } = told.json() as unknown as { status: Status }
    assert.equal(
      seen.nodes.map(({ name, state }) => `${name} ${state}`),
      ['node1 online', 'node2 not reached'],
    )
    assert.equal(seen.vips[0]?.holders, [one])
    assert.match(seen.problems[0]?.text as string, /^node2 could not be asked: /)
    assert.equal(
      seen.links.map(({ down }) => down),
      [[one], [one]],
    )
    // The screen that is drawn anew has gone on meanwhile, and stays when it is left.
    assert.match(drawn(), /^node1 +online .*VIP/m)
    assert.match(drawn(), /^node2 +NOT REACHED/m)
    await lab.lab('start', two)
    await heals()
    await until('the screen has it back', 60, async () => /^node2 +online /m.test(drawn()))
    watch.ctrlC()
    assert.is(await watch.end, 0, `ended with ${await watch.end}: ${watch.shown().slice(-2000)}`)
    // The whole last screen stays, the cursor is to be seen, and the prompt comes below.
    const left = shownOn(watch.written(), 120, 50)
    assert.match(left.findLast((line) => line !== '') ?? '', /^endpoints /)
    assert.ok(left.some((line) => /^node2 +online /.test(line)))
    assert.ok(watch.written().lastIndexOf('\x1b[?25h') > watch.written().lastIndexOf('\x1b[?25l'))
    assert.is(left.at(-1), '')
    await holds()
  })

  if (LONG)
    story('both nodes without power: both are named, and the cluster comes back by itself', async () => {
      await Promise.all(lab.nodes.map((node) => lab.lab('kill', node)))
      const run = await lab.run('cluster', '--json')
      ended(run, 4)
      assert.match(
        run.stderr,
        /✖ node1, node2 could not be asked: seen from the ProxyCommand in SSH_CONFIG,\s+it\s+does\s+not\s+answer\n +node1 +.*(?:No route to host|Connection timed out)\n +node2 +.*(?:No route to host|Connection timed out)\n +remedy +check its power/,
      )
      await Promise.all(lab.nodes.map((node) => lab.lab('start', node)))
      await heals()
      await holds()
      await unchanged()
    })

  story('a changed host key and a refused login: exit 4, and what to do', async () => {
    const hostKey = '/etc/ssh/ssh_host_ed25519_key'
    await lab.on(
      two,
      `cd /etc/ssh && mkdir /run/keys && mv ${hostKey} ${hostKey}.pub /run/keys/
      ssh-keygen -q -t ed25519 -N '' -f ${hostKey} && systemctl restart ssh`,
    )
    lab.hangUp()
    const changed = await lab.run('cluster')
    await lab.on(two, `mv /run/keys/* /etc/ssh/ && systemctl restart ssh`)
    ended(changed, 4)
    assert.match(
      changed.text,
      /✖ node2 could not be asked: its host key is not the one known for it\n +said +known: SHA256:\S+, line \d+ of \S+\n +sent: +SHA256:\S+\n +remedy +[^✖]*ssh-keygen\s+-R/,
    )
    assert.not.match(changed.text, /node1 could not be asked/)

    await lab.on(one, 'mv /root/.ssh/authorized_keys /root/.ssh/aside')
    lab.hangUp()
    const refused = await lab.run('cluster')
    await lab.on(one, 'mv /root/.ssh/aside /root/.ssh/authorized_keys')
    ended(refused, 4)
    assert.match(
      refused.text,
      /✖ node1 could not be asked: it refuses the login\n +said +.*Permission denied.*\n +remedy +.*SSH_USER/,
    )
    assert.not.match(refused.text, /node2 could not be asked/)
    await unchanged()
    await holds()
  })

  story('the run logs are for their owner only, and hold no secret', async () => {
    const dir = join(lab.stateDir, 'runs')
    const logs = readdirSync(dir)
    assert.ok(logs.length > 10)
    for (const log of logs) {
      assert.is((statSync(join(dir, log)).mode & 0o777).toString(8), '600')
      const events = eventsOf(join(dir, log))
      assert.is(events[0]?.type, 'run', log)
      assert.is(events.at(-1)?.type, 'end', log)
    }
    const key = (await lab.on(one, `base64 ${KEY} | tr -d '\\n'`)).trim()
    const kept = readdirSync(lab.stateDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    for (const text of [...kept, lab.said()]) {
      assert.not.ok(text.includes(password()), 'OS_PASSWORD')
      assert.not.ok(text.includes(key.slice(0, 60)), 'the ring key')
    }
    assert.ok(password().length > 8 && key.length > 100)
  })
})
