/** The sentences of lib/troubles.mts and lib/reason.mts in Chinese: found by the English one, so that `status --json` has one language. */

/** `{0}`, `{1}` … are what stands at that place; a sentence there is put into Chinese too. The first that fits is taken. */
export const SENTENCES: readonly (readonly [english: string, chinese: string])[] = [
  // What is wrong with the cluster, and what to do about it.
  ['{0} could not be asked: {1}', '无法询问 {0}：{1}'],
  ['there is no cluster yet: corosync runs on no node', '尚无集群：没有节点在运行 corosync'],
  ['make cluster', '执行 make cluster'],
  ['the ring is not quorate: {0} of {1} votes', '集群未达法定人数：{0}/{1} 票'],
  ['bring up the nodes that are missing, or mend the links to them', '启动缺失的节点，或修复通往它们的链路'],
  ['the link in {0} to {1} is down, as {2} sees it', '网络 {0} 中与 {1} 之间的链路中断（{2} 所见）'],
  ['the link in {0} to {1} is down, as {2} see it', '网络 {0} 中与 {1} 之间的链路中断（{2} 所见）'],
  ['the link in {0} is down, as {1} sees it', '网络 {0} 中的链路中断（{1} 所见）'],
  ['the link in {0} is down, as {1} see it', '网络 {0} 中的链路中断（{1} 所见）'],
  [
    'look at cables, switch and firewall of that network; corosync-cfgtool -s on the node tells which way is lost',
    '检查该网络的网线、交换机与防火墙；在该节点上执行 corosync-cfgtool -s 可看到哪个方向不通',
  ],
  ['{0} failed, and was not fenced', '{0} 发生故障，且未被隔离'],
  [
    'see whether it is really off; stonith_admin --history NODE tells why',
    '确认它是否真的已断电；原因见 stonith_admin --history 节点名',
  ],
  ['{0} is offline in pacemaker', '{0} 在 pacemaker 中处于离线状态'],
  [
    'systemctl status corosync pacemaker there; make cluster starts them',
    '在该节点上执行 systemctl status corosync pacemaker；make cluster 会启动它们',
  ],
  ['{0} is no member of the cluster', '{0} 不是集群成员'],
  ['make cluster takes it in', 'make cluster 会将其加入'],
  ['{0} is still joining', '{0} 仍在加入集群'],
  [
    'wait; journalctl -u pacemaker there tells what it waits for',
    '请等待；在该节点上执行 journalctl -u pacemaker 可看到它在等什么',
  ],
  ['{0} is in standby and runs nothing', '{0} 处于待机状态，不运行任何资源'],
  [
    'crm_standby --delete --node NODE, once it may have resources again',
    '待其可以重新承载资源后，执行 crm_standby --delete --node 节点名',
  ],
  ['the cluster is in maintenance mode: pacemaker heals nothing', '集群处于维护模式：pacemaker 不做任何恢复'],
  [
    'crm_attribute --name maintenance-mode --delete, once what it was set for is done',
    '维护工作完成后，执行 crm_attribute --name maintenance-mode --delete',
  ],
  ['fencing is off, though FENCING={0}', '隔离（fencing）未启用，而 env 文件中为 FENCING={0}'],
  ['make plan tells why; make cluster turns it on', 'make plan 可说明原因；make cluster 会将其启用'],
  ['nobody watches the fence device of {0} ({1})', '{0} 的隔离设备（{1}）无人监控'],
  [
    'see whether the device answers; crm_resource --cleanup, then make verify',
    '确认该设备有应答；先执行 crm_resource --cleanup，再执行 make verify',
  ],
  ['the arbiter {0} gives no vote', '仲裁服务器 {0} 未投票'],
  [
    'systemctl status corosync-qnetd there, corosync-qdevice-tool -s on a node',
    '在仲裁服务器上执行 systemctl status corosync-qnetd，在节点上执行 corosync-qdevice-tool -s',
  ],
  ['the VIP {0} is held by nobody', '没有节点持有 VIP {0}'],
  ['crm_mon -1 on a node tells what keeps it from starting', '在节点上执行 crm_mon -1 可看到它为何未能启动'],
  ['the VIP {0} is held by {1}', 'VIP {0} 同时由多个节点持有：{1}'],
  [
    'two halves do not see each other: mend the links between these nodes',
    '集群分裂为互不可见的两半：修复这些节点之间的链路',
  ],
  ['pacemaker: {0} failed on {1} ({2})', 'pacemaker：{0} 在 {1} 上失败（{2}）'],
  ['once its cause is gone: crm_resource --cleanup', '原因排除后执行 crm_resource --cleanup'],
  ['HAProxy does not run on {0}', '{0} 上没有运行 HAProxy'],
  [
    'journalctl -u haproxy there; crm_resource --cleanup haproxy-clone',
    '在该节点上执行 journalctl -u haproxy；然后执行 crm_resource --cleanup haproxy-clone',
  ],
  ['{0} does not answer at the VIP', '{0} 经由 VIP 无应答'],
  ['{0} does not answer at {1}', '{0} 在 {1} 上无应答'],
  ['{0} answers HTTP {1} at the VIP', '{0} 经由 VIP 应答 HTTP {1}'],
  ['{0} answers HTTP {1} at {2}', '{0} 在 {2} 上应答 HTTP {1}'],
  ['make verify tells more', '执行 make verify 可了解更多'],
  ['the endpoints are unknown: {0}', '端点未知：{0}'],
  ['keystone was not asked', '未询问 keystone'],
  ['see what keystone says', '查看 keystone 的说法'],
  ['make plan tells what would be done', 'make plan 可显示将要执行的操作'],
  ['the {0} endpoint of {1} is not on the VIP: {2}', '{1} 的 {0} 端点未指向 VIP：{2}'],
  ['make cluster moves it', 'make cluster 会将其改到 VIP'],
  ["the clock of {0} is {1} ms ahead of the others'", '{0} 的时钟比其他节点快 {1} 毫秒'],
  ["the clock of {0} is {1} ms behind the others'", '{0} 的时钟比其他节点慢 {1} 毫秒'],
  ['chronyc tracking there tells whether it has a source', '在该节点上执行 chronyc tracking 可看到它是否有时间源'],

  // Why a node could not be asked: the way there.
  ['seen from the jump host, {0}', '从跳板机看：{0}'],
  ['there is no way to it', '没有通往它的路径'],
  ['check its address in NODES, and the jump host in SSH_CONFIG', '检查 NODES 中的地址以及 SSH_CONFIG 中的跳板机'],
  ['seen from the ProxyCommand in SSH_CONFIG, {0}', '从 SSH_CONFIG 中的 ProxyCommand 看：{0}'],
  ['the way to it leads over the jump host {0}: {1}', '通往它的路径经过跳板机 {0}：{1}'],
  [
    'mend the jump host, or name another as ProxyJump in SSH_CONFIG',
    '修复该跳板机，或在 SSH_CONFIG 中以 ProxyJump 指定另一台',
  ],
  [
    'the way to it (ProxyJump or ProxyCommand) gives no connection',
    '通往它的路径（ProxyJump 或 ProxyCommand）无法建立连接',
  ],
  [
    'try the command of ProxyJump or ProxyCommand in SSH_CONFIG by hand',
    '手动试行 SSH_CONFIG 中 ProxyJump 或 ProxyCommand 的命令',
  ],
  ['nothing listens on its ssh port', '其 ssh 端口无人监听'],
  ['start sshd there, or set SSH_PORT', '在该节点上启动 sshd，或设置 SSH_PORT'],
  ['it does not answer', '无应答'],
  [
    'check its power, its address in NODES, and the route and firewalls on the way to it',
    '检查其电源、NODES 中的地址，以及沿途的路由与防火墙',
  ],
  ['its name is not known', '其名称无法解析'],
  ['check the HostName in SSH_CONFIG, or write the address', '检查 SSH_CONFIG 中的 HostName，或直接写地址'],
  ['it hangs up before the login', '登录之前连接即被挂断'],
  [
    'journalctl -u ssh on its console tells why: too many logins at once (MaxStartups), fail2ban, hosts.deny',
    '原因见其控制台上的 journalctl -u ssh：同时登录过多（MaxStartups）、fail2ban、hosts.deny',
  ],
  ['the connection broke', '连接中断'],
  [
    'see whether it is up, then type the same command: it goes on from there',
    '确认它已启动，然后重新执行同一条命令：会从中断处继续',
  ],
  ['the connection ended before the answer was whole', '应答尚不完整时连接已结束'],
  ['the connection ended before the answer was whole, with status {0}', '应答尚不完整时连接已结束，退出状态 {0}'],
  [
    'type the same command again; `ssh -v` to the node tells more',
    '重新执行同一条命令；对该节点执行 ssh -v 可了解更多',
  ],

  // The login.
  ['its host key is not the one known for it', '其主机密钥与已知的不同'],
  ['the host key of the jump host {0} is not the one known for it', '跳板机 {0} 的主机密钥与已知的不同'],
  [
    'its host key is not known here, and the ssh configuration accepts no new one',
    '此处不认识其主机密钥，而 ssh 配置不接受新密钥',
  ],
  [
    'the host key of the jump host {0} is not known here, and the ssh configuration accepts no new one',
    '此处不认识跳板机 {0} 的主机密钥，而 ssh 配置不接受新密钥',
  ],
  [
    'add it to known_hosts (ssh-keyscan, compared with the console), or allow StrictHostKeyChecking accept-new',
    '将其加入 known_hosts（用 ssh-keyscan 取得，并与控制台核对），或允许 StrictHostKeyChecking accept-new',
  ],
  [
    'compare with its console: ssh-keygen -lf {0}. Was it re-installed, then forget the old key: {1}. If not, somebody else answers there: find out who',
    '与其控制台核对：ssh-keygen -lf {0}。若该机已重装，则删除旧密钥：{1}。否则是他人在应答：查明是谁',
  ],
  ['ssh does not use the key {0}: others can read it', 'ssh 不使用密钥 {0}：其他用户可以读取它'],
  ['chmod 600 {0}', '执行 chmod 600 {0}'],
  ['the key {0} is damaged, or no private key', '密钥 {0} 已损坏，或不是私钥'],
  [
    'SSH_KEY wants the private key, not the .pub; ssh-keygen -y -f {0} tells whether it is whole',
    'SSH_KEY 需要私钥而非 .pub；执行 ssh-keygen -y -f {0} 可知其是否完整',
  ],
  ['it refuses the login after too many keys of your ssh-agent', '因 ssh-agent 提供的密钥过多，登录被拒绝'],
  ['name the right one: SSH_KEY=~/.ssh/…', '指定正确的密钥：SSH_KEY=~/.ssh/…'],
  ['it refuses the login', '登录被拒绝'],
  [
    'check SSH_USER and SSH_KEY, and that the public key is in the authorized_keys of that user; a key with a passphrase has to be in ssh-agent',
    '检查 SSH_USER 与 SSH_KEY，并确认公钥在该用户的 authorized_keys 中；带口令的密钥须已载入 ssh-agent',
  ],
  ['its sshd and the ssh here have nothing in common: {0}', '其 sshd 与此处的 ssh 没有共同的算法：{0}'],
  [
    'name an algorithm that both know in SSH_CONFIG (ssh_config(5), HostKeyAlgorithms, KexAlgorithms)',
    '在 SSH_CONFIG 中指定双方都支持的算法（ssh_config(5)，HostKeyAlgorithms、KexAlgorithms）',
  ],

  // Once there.
  ['sudo asks for a password there', '该节点上的 sudo 要求输入密码'],
  [
    "as root on the node: echo '{0}' >/etc/sudoers.d/{1}; or set SSH_USER=root",
    "在该节点上以 root 执行：echo '{0}' >/etc/sudoers.d/{1}；或设置 SSH_USER=root",
  ],
  ['sudo wants a terminal there', '该节点上的 sudo 要求终端'],
  ['take requiretty out of /etc/sudoers on the node', '在该节点上从 /etc/sudoers 中去掉 requiretty'],
  ['sudo does not let the user become root there', '该节点上的 sudo 不允许该用户成为 root'],
  ['the user is not root, and there is no sudo', '该用户不是 root，且没有 sudo'],
  [
    'install sudo on the node and give the user a NOPASSWD rule, or set SSH_USER=root',
    '在该节点上安装 sudo 并为该用户设置 NOPASSWD 规则，或设置 SSH_USER=root',
  ],
  ['its /bin/sh would show secrets to others', '其 /bin/sh 会将机密暴露给其他用户'],
  ['let /bin/sh there be dash or bash', '将该节点上的 /bin/sh 换成 dash 或 bash'],
  ['sudo fails there: {0}', '该节点上的 sudo 失败：{0}'],
  ['log in to the node as that user and try: sudo -n true', '以该用户登录节点并试行：sudo -n true'],
  ['neither its /run nor its /tmp can be written', '其 /run 与 /tmp 均不可写'],
  [
    'make room there: df -h /run /tmp, df -i /run /tmp on its console',
    '腾出空间：在其控制台上执行 df -h /run /tmp 与 df -i /run /tmp',
  ],
  ['the user has no login shell there', '该用户在该节点上没有登录 shell'],
  [
    'set another SSH_USER, or give that one a shell: usermod --shell /bin/sh USER',
    '设置另一个 SSH_USER，或为该用户设置 shell：usermod --shell /bin/sh 用户名',
  ],
  ['the password or account of the user has expired there', '该用户在该节点上的密码或账户已过期'],
  [
    'chage --list USER on the node tells; chage --maxdays -1 --expiredate -1 USER lifts it',
    '在该节点上执行 chage --list 用户名 可查看；chage --maxdays -1 --expiredate -1 用户名 可解除',
  ],
  ['it is booting up', '它正在启动'],
  ['it is going down', '它正在关机'],
  ['wait until it is up again, and type the same command', '等它启动完毕，然后重新执行同一条命令'],
  ["it lets us in, but no shell of root's answers within {0} s", '可以登录，但 root 的 shell 在 {0} 秒内没有应答'],
  [
    'look at what its login shell does there (.bashrc and the like): it must not wait for input',
    '检查其登录 shell 在该节点上做了什么（.bashrc 等）：它不得等待输入',
  ],

  // Here.
  ['the ssh configuration is wrong', 'ssh 配置有误'],
  ['check SSH_CONFIG, or ~/.ssh/config without one', '检查 SSH_CONFIG；未设置时检查 ~/.ssh/config'],
  ['ssh refuses the configuration {0}: others may write it', 'ssh 拒绝使用配置 {0}：其他用户可以写它'],
  ['chmod go-w {0}, and see that it is yours', '执行 chmod go-w {0}，并确认其属主是您'],
]

const PLACE = /\{\d\}/

/** Sentences with the pattern that finds them. */
const patterns = SENTENCES.map(([english, chinese]) => {
  const literal = english.split(PLACE).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return { pattern: new RegExp(`^${literal.join('(.+?)')}$`, 's'), chinese }
})

/** The same in Chinese; undefined for what was never translated, as the words of tools and nodes. */
export function inChinese(text: string): string | undefined {
  for (const { pattern, chinese } of patterns) {
    const found = pattern.exec(text)
    if (found === null) continue
    return chinese.replace(/\{(\d)\}/g, (_, place) => {
      const value = found[Number(place) + 1] ?? ''
      return inChinese(value) ?? value
    })
  }
  return undefined
}
