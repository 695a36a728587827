/** The documents as data: blocks with their marks, commands in them, headings with anchors, links, tables, code in the text. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import GithubSlugger from 'github-slugger'
import { lexer, type Token, type Tokens, walkTokens } from 'marked'

const ROOT = resolve(import.meta.dirname, '..')

/** A fenced block. Its marks are the hidden comments right before it, by name (CONTRIBUTING.md, "Documents"). */
export interface Block {
  readonly file: string
  /** The heading above it. */
  readonly section: string
  readonly language: string
  readonly text: string
  readonly marks: ReadonlyMap<string, string>
}

/** A command of a console block, with what is shown of its output. */
export interface Command {
  /** A node's name, or undefined for the operator's machine. */
  readonly node: string | undefined
  readonly text: string
  readonly output: readonly string[]
}

export interface Heading {
  readonly depth: number
  readonly text: string
  /** As GitHub makes it of the text. */
  readonly anchor: string
}

/** A heading's part of a document: what stands below it, up to the next heading of any level. */
export interface Section {
  readonly heading: Heading
  /** Inline code, in the order of the text. */
  readonly codes: readonly string[]
  readonly links: readonly string[]
  /** Rows of each table without its head; a cell is the Markdown in it. */
  readonly tables: readonly (readonly (readonly string[])[])[]
}

/** Documents that are bound to this: paths from the root. What `make test-faults` and its like write is among them. */
export const DOCUMENTS: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => /^(README.*|CONTRIBUTING)\.md$/.test(name)),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort()

/** Commands in sentences that only look: a test types each on a node that is well. NODE is the other node, or its name. */
export const LOOKS: readonly string[] = [
  'apt-cache policy',
  'apt-mark showhold',
  'chronyc sources',
  'corosync-cfgtool -s',
  'corosync-quorumtool -s',
  'crm_mon -1rf',
  'crm_resource --constraints --resource vip',
  'df -h /run /tmp',
  'df -i /run /tmp',
  'du -xh / | sort -h | tail',
  'du -xh /var | sort -h | tail',
  'fence_ipmilan -o metadata',
  'free -h',
  'getent ahosts NODE',
  'getent hosts',
  'haproxy -c -f /etc/haproxy/haproxy.cfg',
  'ip -br addr',
  'ip neigh',
  'journalctl --boot --unit corosync --unit pacemaker',
  'journalctl -k',
  'journalctl -t haproxy',
  'journalctl -u chrony',
  'journalctl -u corosync',
  'journalctl -u corosync-qdevice',
  'journalctl -u haproxy',
  'journalctl -u pacemaker',
  'journalctl -u ssh',
  'ls -ld /etc/keystone/fernet-keys',
  'ping -I 10.0.42.201 10.0.42.202',
  'ss -ltnp',
  'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
  'sshd -T',
  'stonith_admin --history NODE',
  'sudo -n true',
  'systemctl list-jobs',
  'systemctl status corosync',
  'systemctl status corosync pacemaker',
  'systemctl status pacemaker',
  'ulimit -u',
  'uname -n',
]

/**
 * First words of the other commands in sentences, which nobody types for a test: they change something, want a word of the reader's,
 * or are of a system that the lab's nodes are not. A document with one of them bears the mark `not executed in sentences`.
 */
export const NOT_TYPED: readonly string[] =
  `apt-get apt-mark ausearch chage chattr chmod chown chronyc corosync corosync-qdevice-tool corosync-qnetd-tool crm crm_attribute
  crm_resource crm_standby curl date dnf dpkg echo firewall-cmd git glance-manage haproxy hostnamectl ip ipmitool journalctl
  keystone-manage mv nft nova-manage npm ntpctl ntpq openstack pcs ping rm rpm scp semanage setenforce sha256sum ssh ssh-keygen
  stonith_admin subscription-manager sudo sysctl systemctl timedatectl ulimit usermod yum zypper`.split(/\s+/)

export const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** Headings, paragraphs, blocks, tables and comments in the order of the text, those inside of lists and quotes too. */
function* blocksIn(tokens: readonly Token[]): Generator<Token> {
  for (const token of tokens) {
    if (token.type === 'list') for (const item of (token as Tokens.List).items) yield* blocksIn(item.tokens)
    else if (token.type === 'blockquote') yield* blocksIn(token.tokens ?? [])
    else yield token
  }
}

const MARK = /<!--\s*([a-z][a-z ]*):\s*([\s\S]*?)\s*-->/g

export function blocksOf(file: string): readonly Block[] {
  const blocks: Block[] = []
  let section = ''
  let marks = new Map<string, string>()
  for (const token of blocksIn(lexer(textOf(file)))) {
    if (token.type === 'space') continue
    if (token.type === 'html') {
      for (const [, name = '', value = ''] of token.raw.matchAll(MARK)) marks.set(name, value)
      continue
    }
    if (token.type === 'heading') section = plain(token as Tokens.Heading)
    if (token.type === 'code') {
      const { lang = '', text } = token as Tokens.Code
      blocks.push({ file, section, language: lang, text, marks })
    }
    marks = new Map()
  }
  return blocks
}

/** `$` and `#` are the operator's machine, as a user and as root; `node1#` is root on that node. */
const PROMPT = /^([a-z][a-z0-9-]*)?[$#] (.*)$/

/** The commands of a block. Throws for output that stands before the first of them: then it is not said whose it is. */
export function commandsOf({ file, language, text }: Block): readonly Command[] {
  if (language !== 'console') return []
  const commands: { node: string | undefined; text: string; output: string[] }[] = []
  let goesOn = false
  for (const line of text.split('\n')) {
    const [, node, typed] = PROMPT.exec(line) ?? []
    const last = commands.at(-1)
    if (goesOn && last) last.text += `\n${line}`
    else if (typed !== undefined) commands.push({ node, text: typed, output: [] })
    else last?.output.push(line)
    goesOn = (goesOn || typed !== undefined) && line.endsWith('\\')
  }
  const first = text.split('\n')[0] as string
  if (commands.length > 0 && !PROMPT.test(first)) throw new Error(`${file}: output before a command: ${first}`)
  return commands
}

/** The text that a reader sees of a token: links by their words, code without its marks. */
function plain(token: Token): string {
  const inner = (token as { tokens?: readonly Token[] }).tokens
  if (inner) return inner.map(plain).join('')
  return 'text' in token ? unescaped(String(token.text)) : ''
}
const unescaped = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

/** What stands before the first heading is in none. */
export function sectionsOf(file: string): readonly Section[] {
  const slugger = new GithubSlugger()
  const sections: { heading: Heading; codes: string[]; links: string[]; tables: string[][][] }[] = []
  for (const token of blocksIn(lexer(textOf(file)))) {
    if (token.type === 'heading') {
      const text = plain(token)
      const heading = { depth: (token as Tokens.Heading).depth, text, anchor: slugger.slug(text) }
      sections.push({ heading, codes: [], links: [], tables: [] })
    }
    const section = sections.at(-1)
    if (section === undefined) continue
    walkTokens([token], (inner) => {
      if (inner.type === 'codespan') section.codes.push(unescaped(inner.text))
      if (inner.type === 'link' || inner.type === 'image') section.links.push(inner.href)
    })
    if (token.type === 'table')
      section.tables.push((token as Tokens.Table).rows.map((row) => row.map(({ text }) => text)))
  }
  return sections
}
