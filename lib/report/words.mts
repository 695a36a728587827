/** What the page says, in English and in Chinese, side by side: its style sheet shows one of them. */
import { escaped, type Html, html, markup, type Value } from './html.mts'

type Both = readonly [english: string, chinese: string]

/** `{0}`, `{1}` … are the values. */
export const WORDS = {
  title: ['{0}: cluster report', '{0}：集群报告'],
  skip: ['To the content', '跳到正文'],
  seenAt: ['As seen {0}', '采集时间 {0}'],
  zoneUtc: ['times in UTC', '时间均为 UTC'],
  contents: ['Contents', '目录'],

  wrong: ['What is wrong', '问题'],
  nothingWrong: ['Nothing is wrong.', '没有发现问题。'],
  nothingWrongMore: [
    'Every node answers, the ring is quorate, and nothing of what was looked at is out of order.',
    '所有节点均有应答，集群达到法定人数，所检查的各项均正常。',
  ],
  problems: ['{0} to look at', '{0} 项需要处理'],
  todo: ['What to do', '处理办法'],
  runFailed: ['The last run ended before it was done: {0}', '最近一次运行未能完成：{0}'],
  runFailedTodo: [
    'See its card below, mend that, and type the same command again.',
    '见下方的故障卡片，排除后重新执行同一条命令。',
  ],
  drillOver: ['The drill “{0}” cost {1} ms; the limit is {2} ms', '演练“{0}”中断 {1} 毫秒，上限为 {2} 毫秒'],
  drillOverTodo: [
    'See below where the time went. A limit of your own is DRILL_MAX_OUTAGE in the env file.',
    '下方可见时间耗在何处。自定上限请在 env 文件中设置 DRILL_MAX_OUTAGE。',
  ],
  drillNotGreen: [
    'After the drill “{0}” the cluster did not get well again by itself',
    '演练“{0}”之后集群未能自行恢复',
  ],
  drillNotGreenTodo: ['make verify tells what is still not true.', '执行 make verify 可查看仍不成立的项目。'],
  drillDoubled: [
    'During the drill “{0}” two nodes held the VIP at once, for {1} ms',
    '演练“{0}”期间有两个节点同时持有 VIP，共 {1} 毫秒',
  ],
  drillDoubledTodo: [
    'That is what fencing prevents: see FENCING in the env file.',
    '隔离（fencing）正是为防止此事：见 env 文件中的 FENCING。',
  ],

  cluster: ['The cluster', '集群'],
  picture: ['The cluster as a picture', '集群示意图'],
  pictureText: [
    '{0} nodes, {1}. Links, VIP, HAProxy and back ends of each are in the tables that follow.',
    '{0} 个节点，{1}。各节点的链路、VIP、HAProxy 与后端见其后的表格。',
  ],
  quorate: ['quorate', '达到法定人数'],
  notQuorate: ['NOT QUORATE', '未达法定人数'],
  votes: ['{0} of {1} votes', '{0}/{1} 票'],
  quorum: ['Quorum', '仲裁'],
  fencing: ['Fencing', '隔离'],
  fencingOn: ['on', '已启用'],
  fencingOff: ['OFF', '未启用'],
  noFencing: ['off, as FENCING=none decides', '按 FENCING=none 关闭'],
  vip: ['VIP', 'VIP'],
  heldBy: ['held by {0}', '由 {0} 持有'],
  nobody: ['nobody', '无节点'],
  links: ['Links', '链路'],
  link: ['link {0}', '链路 {0}'],
  linksUp: ['all connected', '全部连通'],
  linkDown: ['DOWN, as seen by {0}', '中断（{0} 所见）'],
  linkDownTo: ['DOWN to {1}, as seen by {0}', '与 {1} 之间中断（{0} 所见）'],
  noRing: ['no ring', '无 corosync'],
  endpoints: ['Endpoints', '端点'],
  endpointsOnVip: ['all on the VIP', '均指向 VIP'],
  endpointsNotAsked: ['not asked: no OS_PASSWORD in the env file', '未查询：env 文件中没有 OS_PASSWORD'],
  endpointsUnknown: ['unknown', '未知'],
  endpointsElsewhere: ['{0} not on the VIP', '{0} 个未指向 VIP'],
  maintenance: ['Maintenance mode', '维护模式'],
  maintenanceOn: ['ON: pacemaker heals nothing', '已开启：pacemaker 不做任何恢复'],
  arbiter: ['Arbiter', '仲裁服务器'],
  arbiterVotes: ['votes: {0}', '票数：{0}'],
  atWork: ['Another run is at work', '另有运行正在进行'],
  node: ['Node', '节点'],
  state: ['State', '状态'],
  addresses: ['Addresses', '地址'],
  role: ['Role', '角色'],
  clock: ['Clock', '时钟'],
  service: ['Service', '服务'],
  network: ['Network', '网络'],
  ok: ['ok', '正常'],
  noAnswer: ['no answer', '无应答'],
  down: ['down', '中断'],
  downTo: ['down to {0}', '与 {0} 之间中断'],
  watched: ['watched from {0}', '由 {0} 监控'],
  notWatched: ['NOT WATCHED', '未被监控'],
  device: ['Device', '设备'],
  nodesTable: ['Nodes: state, links, HAProxy', '节点：状态、链路、HAProxy'],
  apiTable: ['What each API answers through the VIP and on each node', '各 API 经由 VIP 及在各节点上的应答'],
  fencingTable: ['Fence devices', '隔离设备'],
  linksTable: ['Links of the ring', 'corosync 链路'],
  endpointsTable: ['Endpoints that are not on the VIP', '未指向 VIP 的端点'],

  'state.online': ['online', '在线'],
  'state.standby': ['standby', '待机'],
  'state.pending': ['pending', '加入中'],
  'state.offline': ['OFFLINE', '离线'],
  'state.unclean': ['UNCLEAN', '状态不明'],
  'state.no member': ['no member', '非成员'],
  'state.not reached': ['not reached', '无法连接'],

  lastRun: ['The last run', '最近一次运行'],
  lastChange: ['The last run that changed something', '最近一次有变更的运行'],
  noRun: ['No run of the phases is on record here.', '此处没有阶段运行的记录。'],
  timeline: ['Phases and nodes over time', '各阶段、各节点的时间线'],
  timelineText: [
    '{0} phases on {1} nodes, {2} in all. The table that follows has the same by numbers.',
    '{1} 个节点上的 {0} 个阶段，共 {2}。其后的表格给出相同内容的数字。',
  ],
  timelineTable: ['Guards per phase and node', '各阶段、各节点的守卫'],
  survey: ['survey', '勘察'],
  legendOk: ['checked, holds', '检查，成立'],
  legendChanged: ['changed', '已变更'],
  legendFailed: ['failed', '失败'],
  legendSurvey: ['surveyed', '勘察'],
  counts: ['{0} ok, {1} changed, {2} failed', '{0} 正常，{1} 变更，{2} 失败'],
  countsPlan: ['{0} hold, {1} to change, {2} failed', '{0} 成立，{1} 待变更，{2} 失败'],
  phase: ['Phase', '阶段'],
  countOk: ['{0} ok', '{0} 正常'],
  countChanged: ['{0} changed', '{0} 变更'],
  countPending: ['{0} to change', '{0} 待变更'],
  countFailed: ['{0} failed', '{0} 失败'],
  nothingAsked: ['–', '–'],
  changed: ['What was changed', '变更内容'],
  toChange: ['What would be changed', '将要变更的内容'],
  nothingChanged: ['Nothing was changed.', '没有任何变更。'],
  difference: ['difference', '差异'],
  output: ['output', '输出'],
  tooLong: ['… cut: the whole is in the run log', '……已截断，全文见运行日志'],
  leftOut: [
    '{0} more outputs are left out to keep this page small: the run log has them',
    '为控制页面大小省略了 {0} 项输出：见运行日志',
  ],
  card: ['{0} failed on {1}', '{0} 在 {1} 上失败'],
  notTrue: ['not true: {0}', '不成立：{0}'],
  step: ['Step', '步骤'],
  command: ['Command', '命令'],
  endedWith: ['ended with status {0}', '退出状态 {0}'],
  couldNotAsk: ['{0} could not be asked', '无法询问 {0}'],
  refused: ['{0} was refused', '{0} 被拒绝'],
  locked: ['Another run held the lock', '另一运行持有锁'],
  notes: ['Notes of the survey', '勘察备注'],
  bug: ['It ended by a bug of quorate; the run log has its stack.', '因 quorate 自身缺陷而终止；调用栈见运行日志。'],

  drills: ['Drills', '演练'],
  noDrill: [
    'No drill is on record here: make drill breaks things on purpose and measures.',
    '此处没有演练记录：make drill 会有意制造故障并测量。',
  ],
  drillPicture: ['Good answers over time', '正常应答随时间的变化'],
  outage: ['Outage', '中断'],
  limit: ['Limit', '上限'],
  fenced: ['Fenced', '隔离用时'],
  failedOf: ['{0} of {1} questions', '{1} 次询问中 {0} 次'],
  failedAnswers: ['Failed', '失败'],
  wellAgain: ['Well again', '完全恢复'],
  notWell: ['NOT', '未恢复'],
  within: ['within the limit', '未超上限'],
  beyond: ['BEYOND THE LIMIT', '超出上限'],
  drillText: [
    'The API was without a good answer for {0} ms, as {1} saw it. Limit {2} ms.',
    '据 {1} 所见，API 有 {0} 毫秒没有正常应答。上限 {2} 毫秒。',
  ],
  drillTextNone: ['Every question was answered in time. Limit {0} ms.', '所有询问均按时得到应答。上限 {0} 毫秒。'],
  vipStory: ['The VIP', 'VIP 持有者'],
  twoHeld: ['TWO for {0} ms', '两节点同时持有 {0} 毫秒'],
  fault: ['fault', '故障'],
  green: ['well again', '恢复'],
  sinceFault: ['seconds since the fault', '故障后秒数'],
  here: ['this machine', '本机'],

  history: ['History', '历史'],
  runs: ['Runs', '运行'],
  runsTable: ['The last runs, newest first', '最近的运行，最新在前'],
  runsRead: [
    '{0} runs are on record here; these are the last {1} that did more than look.',
    '此处有 {0} 次运行记录；以下是其中最近 {1} 次不只是查看的运行。',
  ],
  noRuns: ['No run is on record here yet.', '此处尚无运行记录。'],
  when: ['When', '时间'],
  what: ['Command', '命令'],
  outcome: ['Outcome', '结果'],
  changes: ['Changed', '变更'],
  failures: ['Failed', '失败'],
  took: ['Took', '用时'],
  drifts: ['Drifts', '漂移'],
  driftsTable: ['What did not hold any more when a run looked', '运行检查时不再成立的项目'],
  noDrifts: ['None of these runs found anything altered by other hands.', '这些运行均未发现他人改动。'],
  damagedLog: ['{0} lines of this log are damaged and were left out', '此日志有 {0} 行损坏，已略去'],
  strangeLog: [
    '{0} events of this log are of another version and were left out',
    '此日志有 {0} 个事件属于其他版本，已略去',
  ],
  cutLog: ['its log is cut off: how it ended is not known', '其日志不完整：结局未知'],
  unreadLog: ['its log could not be read: {0}', '其日志无法读取：{0}'],
  longLog: ['its log is too long and was read in part', '其日志过长，只读取了一部分'],

  'outcome.ok': ['everything held', '全部成立'],
  'outcome.changed': ['done', '完成'],
  'outcome.pending': ['changes pending', '有待变更'],
  'outcome.failed': ['failed', '失败'],
  'outcome.unreachable': ['a node not reached', '有节点无法连接'],
  'outcome.invalid': ['bad env file or flags', 'env 文件或参数有误'],
  'outcome.locked': ['another run held the lock', '另一运行持有锁'],
  'outcome.interrupted': ['interrupted', '被中断'],
  'outcome.unknown': ['not known', '未知'],

  versions: ['Versions', '版本'],
  versionsTable: ['What runs on each node', '各节点上的软件'],
  system: ['System', '系统'],
  unknown: ['unknown', '未知'],
  footer: [
    'Made by quorate {0} from the answers of the nodes and from the run logs. Secrets are masked. The page loads nothing from anywhere; what nodes and tools have said is shown in their own words.',
    '由 quorate {0} 根据各节点的应答与运行日志生成。机密信息已遮蔽。本页不加载任何外部内容；节点与工具的输出按原文显示。',
  ],

  'phase.00-prereqs': ['Prerequisites', '前置条件'],
  'phase.01-repos': ['Repositories', '软件源'],
  'phase.02-packages': ['Packages', '软件包'],
  'phase.03-corosync': ['Corosync ring', 'Corosync 环'],
  'phase.04-pacemaker': ['Pacemaker', 'Pacemaker'],
  'phase.05-vip': ['Virtual IP', '虚拟 IP'],
  'phase.06-haproxy': ['HAProxy', 'HAProxy'],
  'phase.07-keystone-endpoints': ['Endpoints', '端点'],

  'drill.move': ['planned move of the VIP', '有计划地迁移 VIP'],
  'drill.haproxy': ['HAProxy killed beside the VIP', '强制终止 VIP 所在节点的 HAProxy'],
  'drill.backend': ['API killed on one node', '强制终止一个节点上的 API'],
  'drill.hang': ['API on one node takes connections and never answers', '一个节点上的 API 接受连接却从不应答'],
  'drill.link': ['one of the links cut', '切断一条链路'],
  'drill.network': ['the whole network of the node with the VIP cut', '切断 VIP 所在节点的全部网络'],
  'drill.crash': ['the node with the VIP crashed', 'VIP 所在节点崩溃'],
  'drill.reboot': ['the node with the VIP rebooted', 'VIP 所在节点重启'],
  'drill.power': ['the node with the VIP switched off by its fence device', '由隔离设备关闭 VIP 所在节点'],
} as const satisfies Readonly<Record<string, Both>>

export type Key = keyof typeof WORDS

export const isKey = (key: string): key is Key => Object.hasOwn(WORDS, key)

/** The values put where the text has their numbers. */
const filled = (text: string, values: readonly Value[]): Html =>
  markup(escaped(text).replace(/\{(\d)\}/g, (_, index) => html`${values[Number(index)]}`.html))

/** Both texts, in elements that HTML has. */
export const say = (key: Key, ...values: Value[]): Html => {
  const [english, chinese] = WORDS[key]
  if (english === chinese) return filled(english, values)
  return sides(filled(english, values), filled(chinese, values))
}

/** The style sheet shows one of them. */
export const sides = (english: Value, chinese: Value): Html =>
  html`<span class="en" lang="en">${english}</span><span class="zh" lang="zh-Hans">${chinese}</span>`

/** Both texts, inside a `text` of SVG. */
export const draw = (key: Key, ...values: Value[]): Html => {
  const [english, chinese] = WORDS[key]
  if (english === chinese) return filled(english, values)
  return html`<tspan class="en">${filled(english, values)}</tspan><tspan class="zh">${filled(chinese, values)}</tspan>`
}
