/** The documents: what they tell to type exists, somebody executes it, their links lead somewhere, both languages say the same. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { readEnvText } from '../../lib/env-file.mts'
import { ConfigError } from '../../lib/errors.mts'
import { parseFlags } from '../../lib/flags.mts'
import { KEYS, parseConfig } from '../../lib/read-config.mts'
import { isFenceKey } from '../../lib/read-fencing.mts'
import { isPackageKey } from '../../lib/read-packages.mts'
import { isServiceKey } from '../../lib/read-services.mts'
import { isLimitKey } from '../../lib/read-traffic.mts'
import {
  type Block,
  blocksOf,
  commandsOf,
  DOCUMENTS,
  LOOKS,
  NOT_TYPED,
  type Section,
  sectionsOf,
  textOf,
} from '../documents.mts'
import { suite } from '../suite.mts'

const ROOT = resolve(import.meta.dirname, '../..')
const ENGLISH = 'README.md'
const CHINESE = 'README.zh-CN.md'
const MAKEFILE = readFileSync(join(ROOT, 'Makefile'), 'utf8')
const LAB = readFileSync(join(ROOT, 'test/lab/lab'), 'utf8')
const MARKS = ['executed by', 'not executed', 'ends with', 'made']
/** Variables that are no keys of the env file, and KEY, which stands for any. */
const ENVIRONMENT = ['KEY', 'ENV', 'ARGS', 'VERSION', 'CI', 'NO_COLOR', 'FORCE_COLOR', 'UPDATE_GOLDEN', 'PROPERTY_SEED']

const ALL: readonly Block[] = DOCUMENTS.flatMap(blocksOf)
const wrong = (found: (file: string) => readonly string[]) =>
  DOCUMENTS.flatMap((file) => found(file).map((text) => `${file}: ${text}`))
const isKey = (key: string) =>
  KEYS.includes(key) || [isFenceKey, isServiceKey, isLimitKey, isPackageKey].some((is) => is(key))

/** The script behind a target of make; undefined for one that runs none, and an error for one that is not there. */
function scriptOf(target: string): string | undefined {
  const rule = new RegExp(`^${target}:.*\n((?:\t.*\n?)*)`, 'm').exec(MAKEFILE)
  if (rule === null) throw new Error(`there is no make ${target}`)
  return /\$\(ZX\) (tasks\/\S+)/.exec(rule[1] as string)?.[1]
}

function checkFlags(script: string, args: readonly string[]): void {
  if (!existsSync(join(ROOT, script))) throw new Error(`there is no ${script}`)
  try {
    // Words beside the flags are for the script to judge.
    parseFlags(
      script,
      args,
      args.filter((word) => !word.startsWith('-')),
    )
  } catch (error) {
    if (error instanceof ConfigError) throw new Error(error.problems.map(({ text }) => text).join('; '))
    throw error
  }
}

/** What is wrong with a line that is to be typed; nothing is known of programs that are not ours. */
function faultOf(line: string): string | undefined {
  const words = (line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ''))
  const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word))
  const [program, ...rest] = words.slice(Math.max(0, start))
  try {
    if (program === 'make' && rest[0] !== undefined) {
      const [target = '', ...assignments] = rest.filter((word) => !word.startsWith('-'))
      const script = scriptOf(target)
      const args = assignments.find((word) => word.startsWith('ARGS='))?.slice('ARGS='.length)
      if (args !== undefined && script !== undefined) checkFlags(script, args.split(' '))
    }
    if (program === 'npx' && rest[0] === 'zx' && !rest[1]?.includes('…')) checkFlags(rest[1] as string, rest.slice(2))
    if (program === 'test/lab/lab' && !new RegExp(`^ *${rest[0]}\\)`, 'm').test(LAB))
      throw new Error(`test/lab/lab has no ${rest[0]}`)
  } catch (error) {
    return `${line}: ${(error as Error).message}`
  }
  return undefined
}

const found = (faults: readonly (string | undefined)[]): readonly string[] => faults.filter((one) => one !== undefined)

const test = suite('documents')

test('a fault of each kind is found', () => {
  for (const line of [
    'make clusster',
    'make drill ARGS="--jsn move"',
    'make cluster ARGS="--packages"',
    'npx zx tasks/08-more.mts',
    'npx zx tasks/03-corosync.mts --plna',
    'test/lab/lab upp',
  ])
    assert.ok(faultOf(line), line)
  for (const line of ['make drill ARGS="move --json"', 'LAB_BMC=yes make demo', 'npx zx tasks/cluster.mts --from 03'])
    assert.is(faultOf(line), undefined)
})

test('what they tell to type exists: verbs, scripts, flags', () => {
  const typed = (file: string) => [
    ...sectionsOf(file).flatMap(({ codes }) => codes),
    ...blocksOf(file).flatMap((block) => commandsOf(block).map(({ text }) => text)),
  ]
  assert.equal(
    wrong((file) => found(typed(file).map(faultOf))),
    [],
  )
})

test('keys of the env file exist, and variables of the lab', () => {
  const faults = (file: string) =>
    sectionsOf(file).flatMap(({ codes }) =>
      codes.filter((code) => {
        const [, name = '', equals] = /^([A-Z][A-Z0-9]*(?:_[A-Za-z0-9_<>]+)?)(=)?/.exec(code) ?? []
        if (name.startsWith('LAB_')) return !new RegExp(`\\b${name}\\b`).test(LAB)
        return equals !== undefined && !ENVIRONMENT.includes(name) && !isKey(name)
      }),
    )
  assert.equal(wrong(faults), [])
})

test('each block says its language, and one of commands who executes it', () => {
  const faultOfBlock = (block: Block): string | undefined => {
    const { language, marks, section, text } = block
    const where = `"${section}": ${text.split('\n')[0]}`
    const commands = commandsOf(block)
    const by = marks.get('executed by')
    const strange = [...marks.keys()].find((mark) => !MARKS.includes(mark))
    if (language === '') return `${where}: no language`
    if (strange !== undefined) return `${where}: there is no mark "${strange}"`
    if (marks.get('not executed') || marks.get('made')) return undefined
    if (by === undefined) return language === 'sh' ? `${where}: nobody executes it, and no mark says why` : undefined
    if (!existsSync(join(ROOT, by))) return `${where}: there is no ${by}`
    // What several suites do, as to prove a cluster, stands in one file.
    const test = [by, 'test/lab/cluster.mts'].map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n')
    const verbs = commands.flatMap(
      (command) => /(?:^|\s)make ([a-z-]+)|tasks\/([0-9a-z-]+)\.mts/.exec(command.text) ?? [],
    )
    const missing = verbs.find((verb, index) => index % 3 > 0 && verb !== undefined && !test.includes(verb))
    return missing === undefined ? undefined : `${where}: ${by} has no ${missing} in it`
  }
  assert.ok(ALL.some((block) => commandsOf(block).length > 0))
  assert.equal(
    found(
      ALL.map((block) => {
        const fault = faultOfBlock(block)
        return fault === undefined ? undefined : `${block.file}: ${fault}`
      }),
    ),
    [],
  )
})

test('a command in a sentence only looks, and is typed by a test, or its document says that it is not', () => {
  const ours = /^(make|npx zx|node_modules\/\.bin\/node|test\/|\.ci\/)/
  /** They name what happens to somebody, or what a shell is told. */
  const names = ['kill -9', 'set -e']
  const looks = new Set<string>()
  const faults = (file: string) => {
    // Decisions tell why, and not what to type.
    if (file.startsWith('docs/decisions/')) return []
    const marked = /<!-- not executed in sentences: \S/.test(textOf(file))
    const others: string[] = []
    const unknown: string[] = []
    const inBlocks = blocksOf(file).flatMap((block) => commandsOf(block).map(({ text }) => text))
    for (const code of sectionsOf(file).flatMap(({ codes }) => codes)) {
      const [first = '', second = ''] = code.split(' ')
      if (LOOKS.includes(code)) looks.add(code)
      else if (names.includes(code) || inBlocks.includes(code)) continue
      else if (second !== '' && NOT_TYPED.includes(first)) others.push(code)
      else if (/^[a-z][\w./-]* --?[a-z]/.test(code) && !ours.test(code)) unknown.push(`nobody knows ${code}`)
    }
    if (marked !== others.length > 0) unknown.push(marked ? 'nothing is left to be marked' : `no mark for ${others}`)
    return unknown
  }
  assert.equal(wrong(faults), [])
  assert.equal(
    LOOKS.filter((code) => !looks.has(code)),
    [],
  )
})

test('lines of the env file are right ones', () => {
  const needed: Readonly<Record<string, string>> = {
    NODES: '"\n192.168.18.201 node1.test.com node1\n192.168.18.202 node2.test.com node2\n"',
    VIP: '192.168.18.200/24',
    FENCING: 'none',
  }
  const settings = ALL.filter(({ language }) => language === 'ini')
  assert.ok(settings.length > 0)
  for (const { file, text } of settings) {
    const has = readEnvText(`${text}\n`).entries.map(({ key }) => key)
    const more = Object.entries(needed).filter(([key]) => !has.includes(key))
    try {
      parseConfig([text, ...more.map(([key, value]) => `${key}=${value}`), ''].join('\n'), join(ROOT, '.env'))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      // A certificate or a key that only its reader has.
      const faults = error.problems.filter((problem) => !/there is no file/.test(problem.text))
      assert.equal(faults, [], `${file}:\n${text}`)
    }
  }
})

test('links lead to files and headings that are there', () => {
  const anchors = new Map<string, readonly string[]>()
  const anchorsOf = (file: string) => {
    if (!anchors.has(file))
      anchors.set(
        file,
        sectionsOf(file).map(({ heading }) => heading.anchor),
      )
    return anchors.get(file) as readonly string[]
  }
  const faults = (file: string) =>
    sectionsOf(file)
      .flatMap(({ links }) => links)
      .filter((link) => {
        if (/^[a-z]+:/.test(link)) return false
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? file : relative(ROOT, resolve(ROOT, dirname(file), path))
        if (!existsSync(join(ROOT, target))) return true
        return (
          anchor !== undefined && (statSync(join(ROOT, target)).isDirectory() || !anchorsOf(target).includes(anchor))
        )
      })
  assert.equal(wrong(faults), [])
})

test('the figures of the README are those that were measured', () => {
  const figure = (name: string, runner: string) =>
    new RegExp(`^\\| ${name} \\| ${runner} \\| (\\S+) `, 'm').exec(textOf('docs/benchmarks.md'))?.[1] ?? '–'
  const rows = sectionsOf(ENGLISH)
    .flatMap(({ tables }) => tables.flat())
    .flatMap(([name = '', , ...cells]) =>
      /^`(first|second|drift|plan)-\d+`$/.test(name) ? [[name, cells] as const] : [],
    )
  assert.ok(rows.length > 0)
  for (const [name, cells] of rows)
    assert.equal(
      cells,
      ['quorate', 'peer', 'floor'].map((runner) => figure(name.replaceAll('`', ''), runner)),
      name,
    )
})

test('the page on the old recipe names no key that is not there, and all of the old way is a right file', () => {
  const page = 'docs/from-the-2013-recipe.md'
  const words = sectionsOf(page).flatMap(({ codes }) => codes.filter((code) => /^[A-Z][A-Z_]+(=|$)/.test(code)))
  assert.equal(
    words.filter((word) => !isKey(word.replace(/=.*/s, ''))),
    [],
  )
  const [all] = blocksOf(page).filter(({ language }) => language === 'ini')
  const config = parseConfig(`${all?.text}\n`, join(ROOT, '.env'))
  assert.equal(
    [config.transport, config.mcastAddr, config.firewall, config.selinux, config.fencing],
    ['udp', '239.255.42.2', 'off', 'disabled', 'none'],
  )
})

test('the Chinese README has the headings, blocks, links, tables and code of the English one', () => {
  const [english, chinese] = [sectionsOf(ENGLISH), sectionsOf(CHINESE)]
  const levels = (sections: readonly Section[]) => sections.map(({ heading }) => heading.depth)
  assert.equal(levels(chinese), levels(english))
  const blocks = (file: string) =>
    blocksOf(file).map(({ language, text, marks }) => ({ language, text, marks: [...marks] }))
  assert.equal(blocks(CHINESE), blocks(ENGLISH))
  /** Each README links to itself and to the other one: a heading counts by its place. */
  const links = ({ links }: Section, of: readonly Section[]) =>
    links
      .filter((link) => link !== ENGLISH && link !== CHINESE)
      .map((link) => {
        if (!link.startsWith('#')) return link
        return `heading ${of.findIndex(({ heading }) => heading.anchor === link.slice(1))}`
      })
      .sort()
  const firsts = ({ tables }: Section) => tables.map((rows) => rows.map(([first]) => first))
  const codes = ({ codes }: Section) => [...new Set(codes)].sort()
  for (const [index, section] of english.entries()) {
    const other = chinese[index] as Section
    assert.equal(links(other, chinese), links(section, english), section.heading.text)
    assert.equal(firsts(other), firsts(section), section.heading.text)
    assert.equal(codes(other), codes(section), section.heading.text)
  }
  assert.ok(english[0]?.links.includes(CHINESE) && chinese[0]?.links.includes(ENGLISH))
})

test.run()
