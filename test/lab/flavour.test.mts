/** The lab's RPM flavours themselves: real dnf, zypper and rpm, signed repositories, and nothing of apt. */
import * as assert from 'uvu/assert'
import { onLab } from './cluster.mts'

const options = { flavour: 'dnf zypper', keystone: false, public: '172.20.64', heartbeat: '10.99.64' }

/** The lab's repositories on a node. */
const REPO = '/var/cache/lab-rpm'

onLab('flavours', 't-fla', options, (test, lab) => {
  const [dnf, zypper] = lab.nodes as [string, string]
  /** Installs packages from a repository that the node did not know; gives how it ended and what was said. */
  const install = async (node: string, repository: string, ...names: string[]) => {
    const folder = repository.startsWith('/') ? repository : `${REPO}/${repository}`
    const { code, stdout, stderr } = await lab.ask(
      node,
      node === dnf
        ? `dnf -y --repofrompath=added,file://${folder} --setopt=added.gpgcheck=1 install ${names.join(' ')}`
        : `zypper --quiet removerepo added >/dev/null 2>&1
          zypper --non-interactive addrepo file://${folder} added
          zypper --non-interactive install ${names.join(' ')}`,
    )
    return { code, said: `${stdout}${stderr}` }
  }
  const installed = (node: string, name: string) => lab.ask(node, `rpm -q ${name}`).then(({ code }) => code === 0)

  test('each says what it is, and what it is not', async () => {
    const [rocky, leap] = [...(await lab.onAll('. /etc/os-release; echo "$ID $VERSION_ID: $PRETTY_NAME"')).values()]
    assert.match(rocky, /^rocky 9\.6: .*Debian's userland/)
    assert.match(leap, /^opensuse-leap 15\.6: .*Debian's userland/)
    for (const [node, said] of await lab.onAll(
      'for name in apt apt-get apt-cache dpkg dpkg-query dnf yum zypper rpm; do ! command -v $name; done',
    )) {
      const names = said.trim().split('\n')
      assert.equal(
        names,
        (node === dnf ? ['dnf', 'yum', 'rpm'] : ['zypper', 'rpm']).map((name) => `/usr/bin/${name}`),
      )
    }
  })

  test('the repositories offer what those of the family do', async () => {
    const offered = (flags: string) =>
      lab.on(dnf, `dnf -q ${flags} repoquery --qf '%{name} %{repoid}' corosync pacemaker crmsh haproxy chrony | sort`)
    assert.is(await offered(''), 'chrony baseos\nhaproxy appstream\n')
    assert.is(
      await offered('--enablerepo=highavailability'),
      'chrony baseos\ncorosync highavailability\nhaproxy appstream\npacemaker highavailability\n',
    )
    const search =
      'zypper --non-interactive --quiet search --details --match-exact corosync pacemaker crmsh haproxy chrony'
    const rows = (await lab.on(zypper, search)).split('\n').map((line) => line.split('|').map((word) => word.trim()))
    const found = rows.filter((row) => row[2] === 'package').map((row) => `${row[1]} ${row[5]}`)
    assert.equal(
      found.sort(),
      ['chrony', 'corosync', 'crmsh', 'haproxy', 'pacemaker'].map((name) => `${name} Main Repository`),
    )
  })

  test('a signed package is installed with what it needs, whole, and starts nothing', async () => {
    await lab.on(dnf, 'dnf -q -y install haproxy socat')
    await lab.on(zypper, 'zypper --non-interactive --quiet install haproxy socat')
    for (const [node, said] of await lab.onAll(
      `rpm -V haproxy socat; getent passwd haproxy | cut -d: -f1; haproxy -c -f /etc/haproxy/haproxy.cfg >&2
      systemctl is-enabled haproxy || :; systemctl is-active haproxy || :`,
    ))
      assert.is(said, 'haproxy\ndisabled\ninactive\n', node)
  })

  test('a package that nobody signed is refused', async () => {
    for (const node of lab.nodes) {
      const { code, said } = await install(node, 'unsigned', 'lab-unsigned')
      assert.is.not(code, 0, said)
      assert.match(said, /not signed|unsigned/i)
      assert.not.ok(await installed(node, 'lab-unsigned'))
    }
  })

  test('a package that is signed with a key that the node does not know is refused, until it does', async () => {
    for (const node of lab.nodes) {
      const { code, said } = await install(node, 'extra', 'lab-extra')
      assert.is.not(code, 0, said)
      assert.not.ok(await installed(node, 'lab-extra'))
      const [told, real] = (
        await lab.on(
          node,
          `cat ${REPO}/keys/extra.fingerprint
          gpg --show-keys --with-colons ${REPO}/keys/extra.asc 2>/dev/null | awk -F: '/^fpr/ { print $10; exit }'
          rpm --import ${REPO}/keys/extra.asc`,
        )
      ).split('\n')
      assert.match(told, /^[0-9A-F]{40}$/)
      assert.is(told, real)
      assert.is((await install(node, 'extra', 'lab-extra')).code, 0)
      assert.ok(await installed(node, 'lab-extra'))
    }
  })

  test('a package that somebody has changed is refused', async () => {
    for (const node of lab.nodes) {
      // One byte, and a list of packages that agrees with it.
      await lab.on(
        node,
        `mkdir /srv/changed; cp ${REPO}/${node === dnf ? 'appstream' : 'oss'}/ipmitool-*.rpm /srv/changed/
        cd /srv/changed; size=$(stat -c %s ipmitool-*.rpm)
        printf X | dd of="$(ls ipmitool-*.rpm)" bs=1 seek=$((size - 100)) conv=notrunc status=none
        createrepo_c --quiet .; mv ${REPO}/${node === dnf ? 'appstream' : 'oss'} /srv/away`,
      )
      const { code, said } = await install(node, '/srv/changed', 'ipmitool')
      assert.is.not(code, 0, said)
      assert.match(said, /digest|signature|corrupt|not signed|unsigned/i)
      assert.not.ok(await installed(node, 'ipmitool'))
    }
  })
})
