/** The lab's RPM flavours themselves: real dnf, zypper and rpm, signed repositories, and nothing of apt. */
import * as assert from 'uvu/assert'
import { onLab } from './cluster.mts'

const options = { flavour: 'dnf zypper', keystone: false, public: '172.20.64', heartbeat: '10.99.64' }

/** The lab's repositories on a node. */
const REPO = '/var/cache/lab-rpm'

onLab('flavours', 't-fla', options, (test, lab) => {
  const [dnf, zypper] = lab.nodes as [string, string]
  /** Installs a package from a repository that the node did not know; gives how it ended and what was said. */
  const install = async (node: string, repository: string, name: string) => {
    const { code, stdout, stderr } = await lab.ask(
      node,
      node === dnf
        ? `dnf -y --repofrompath=added,file://${REPO}/${repository} --setopt=added.gpgcheck=1 install ${name}`
        : `zypper --quiet removerepo added >/dev/null 2>&1
          zypper --non-interactive addrepo file://${REPO}/${repository} added
          zypper --non-interactive install ${name}`,
    )
    return { code, said: `${stdout}${stderr}` }
  }
  const installed = (node: string, name: string) => lab.ask(node, `rpm -q ${name}`).then(({ code }) => code === 0)

  test('each says what it is, and what it is not', async () => {
    const told = await lab.onAll('. /etc/os-release; echo "$ID $VERSION_ID: $PRETTY_NAME"')
    assert.match(told.get(dnf) ?? '', /^rocky 9\.6: .*Debian's userland/)
    assert.match(told.get(zypper) ?? '', /^opensuse-leap 15\.6: .*Debian's userland/)
    for (const [node, said] of await lab.onAll(
      'for name in apt apt-get apt-cache dpkg dpkg-query dnf yum zypper rpm; do command -v $name || :; done',
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
      const [told = '', real = ''] = (
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

  test('a package of which somebody has changed a byte is refused', async () => {
    for (const node of lab.nodes) {
      // To dnf the list of the repository agrees with it: then only the package's own signature tells.
      const { code, stdout, stderr } = await lab.ask(
        node,
        `cp -r ${REPO}/${node === dnf ? 'appstream' : 'oss'} /srv/changed && cd /srv/changed
        package=$(echo ipmitool-*.rpm)
        printf X | dd of="$package" bs=1 seek=$(($(stat -c %s "$package") - 100)) conv=notrunc status=none
        ${
          node === dnf
            ? `createrepo_c --quiet . && dnf -y --disablerepo=appstream --repofrompath=changed,file:///srv/changed --setopt=changed.gpgcheck=1 install ipmitool`
            : `zypper --quiet addrepo file:///srv/changed changed && zypper --non-interactive install --from changed ipmitool`
        }`,
      )
      assert.is.not(code, 0, stdout)
      assert.match(`${stdout}${stderr}`, node === dnf ? /GPG check FAILED/ : /seems to be corrupted/)
      assert.not.ok(await installed(node, 'ipmitool'))
    }
  })
})
