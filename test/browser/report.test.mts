/** The report in a real browser: what it shows is what the logs say, on every screen, in both languages, for everybody. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { built } from '../../lib/report/build.mts'
import { page as reportOf } from '../../lib/report/page.mts'
import { readRun } from '../../lib/report/run-log.mts'
import type { Status } from '../../lib/status.mts'
import { skipSuite, suite } from '../suite.mts'
import { changedRun, DIFF, drillRun, EVIL, failedRun, statusOf } from '../unit/report-data.mts'
import { lacking, openChromium } from './chromium.mts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const dir = mkdtempSync(join(tmpdir(), 'quorate-browser-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

const runs = [drillRun(), failedRun(), changedRun()].map((text, index) => ({
  ...readRun(`run${index}`, text),
  long: false,
}))
const write = (name: string, status: Status, shown = runs): string => {
  const file = join(dir, `${name}.html`)
  writeFileSync(file, reportOf(status, { recorded: 1234, runs: shown, unread: [] }, '1.2.3', built()))
  return pathToFileURL(file).href
}
const LONG = 'controller-with-a-very-long-name-in-rack-17-of-hall-b'
const [two, six, many] = [
  write(
    'two',
    statusOf(['node1', 'node2'], {
      links: [{ network: '192.0.2.0/24', down: ['node2'], to: ['node1'] }],
      problems: [{ text: `link 0 is down, as node2 sees it ${EVIL}`, remedy: 'ping the one address from the other' }],
    }),
  ),
  write(
    'six',
    statusOf(['a', LONG, 'c', 'd', 'e'], {
      vips: [
        { address: '2001:db8:1234:5678:9abc:def0:1234:5678/64', holders: [LONG] },
        { address: '192.0.2.200/24', holders: [] },
      ],
      arbiter: { host: `${LONG}.example.org`, votes: 1 },
      maintenance: true,
    }),
  ),
  write('many', statusOf(Array.from({ length: 32 }, (_, index) => `node${index + 1}`))),
]

const why = lacking()
if (why !== undefined) skipSuite(why)
else {
  const test = suite('the report in a browser')
  let browser: Browser
  test.before(async () => {
    browser = await openChromium()
  })
  test.after(() => browser.close())

  /** Opens a page, and holds that it asked for nothing but itself and had nothing to complain of. */
  const on = async (url: string, options: BrowserContextOptions, look: (page: Page) => Promise<void>) => {
    const context = await browser.newContext({ locale: 'en-US', timezoneId: 'Asia/Shanghai', ...options })
    try {
      const page = await context.newPage()
      const [asked, complaints]: [string[], string[]] = [[], []]
      page.on('request', (request) => asked.push(request.url()))
      page.on('console', (message) => complaints.push(message.text()))
      page.on('pageerror', (error) => complaints.push(error.message))
      await page.goto(url)
      await look(page)
      assert.equal(asked, [url])
      assert.equal(complaints, [])
    } finally {
      await context.close()
    }
  }
  const textOf = async (page: Page, selector: string) => (await page.locator(selector).innerText()).replace(/\s+/g, ' ')

  test('what it shows is what the logs say', async () => {
    await on(two, {}, async (page) => {
      assert.is(await page.title(), 'openstack: cluster report')
      const last = await textOf(page, 'section:has(> #last-run)')
      assert.match(last, /failed 0 ok, 0 changed, 1 failed · 950 ms/)
      assert.match(last, /06-haproxy failed on node1/)
      assert.match(last, /not true: \/etc\/haproxy\/haproxy.cfg is in place/)
      assert.match(last, /What to do: make room on the disk/)
      const change = await textOf(page, 'section:has(> #last-change)')
      assert.match(change, /done 1 ok, 1 changed, 0 failed · 2.7 s/)
      assert.match(change, /node2 \/etc\/haproxy\/haproxy.cfg is in place 400 ms difference/)
      assert.is(await page.locator('section:has(> #last-change) details pre').textContent(), DIFF)
      assert.equal(await page.locator('pre .del').allTextContents(), [`-# ${EVIL}`])
      assert.equal(await page.locator('pre .ins').allTextContents(), ['+# right'])
      const drills = await textOf(page, 'section:has(> #drills)')
      assert.match(drills, /Planned move of the VIP ✓ ?within the limit/)
      assert.match(
        drills,
        /Outage 312 ms Limit 500 ms Failed 6 of 120 questions The VIP node1 → node2 Well again 4.5 s/,
      )
      assert.match(drills, /✕ ?BEYOND THE LIMIT crash · node1/)
      assert.match(drills, /Outage 2345 ms Limit 1500 ms .* Fenced 1.8 s/)
      const history = await textOf(page, 'section:has(> #history)')
      assert.match(history, /1234 runs are on record here; these are the last 3 that did more than look/)
      assert.is(await page.locator('table:has(#t-runs) tbody tr').count(), 3)
      assert.match(history, /drifted: not true any more: \/etc\/haproxy\/haproxy.cfg is in place/)
      assert.match(
        await textOf(page, 'section:has(> #versions)'),
        /node2 Debian GNU\/Linux 12 \(bookworm\) 3.1.7 2.1.5 2.6.12 \+1 ms/,
      )
      assert.match(await textOf(page, 'section:has(> #wrong)'), /3 to look at link 0 is down/)
    })
  })

  test('the outage of a drill is drawn where and as long as it was', async () => {
    await on(two, { viewport: { width: 1440, height: 900 } }, async (page) => {
      const share = async (drill: number) => {
        const svg = page.locator(`#drill-${drill} ~ figure svg.wide`)
        const [outage, whole] = await Promise.all([
          svg.locator('.outage').boundingBox(),
          svg.locator('.good').boundingBox(),
        ])
        return (outage?.width ?? 0) / (whole?.width ?? 1)
      }
      // Of 6 s that are drawn, 362 and 2395 ms.
      assert.ok(Math.abs((await share(0)) - 0.362 / 6) < 0.005)
      assert.ok(Math.abs((await share(1)) - 2.395 / 6) < 0.005)
      const holders = await page.locator('#drill-0 ~ figure svg.wide .bar.vip').count()
      assert.is(holders, 2)
    })
  })

  test('what a log holds stays text', async () => {
    await on(two, {}, async (page) => {
      assert.is(await page.locator('img').count(), 0)
      assert.is(await page.locator('script').count(), 1)
      assert.is(await page.title(), 'openstack: cluster report')
      assert.match(await page.locator('#wrong ~ .cards').innerText(), /<\/script><img src=x onerror=/)
    })
  })

  test('nothing is wider than the screen, from a phone to a desk', async () => {
    for (const url of [two, six, many])
      for (const locale of ['en-US', 'zh-CN'])
        await on(url, { locale }, async (page) => {
          for (const width of [320, 360, 768, 1440]) {
            await page.setViewportSize({ width, height: 800 })
            assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, `${url} in ${locale}`)
            // Each drawing is there for this screen, once.
            assert.is(await page.locator('svg:visible').count(), (await page.locator('svg').count()) / 2)
          }
        })
  })

  test('no fault of contrast, roles, labels or order, in light and dark, in both languages', async () => {
    for (const url of [two, six])
      for (const locale of ['en-US', 'zh-CN'])
        await on(url, { locale }, async (page) => {
          // What is folded is looked at, too.
          await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
          await page.evaluate(AXE)
          for (const colorScheme of ['light', 'dark'] as const)
            for (const width of [360, 1440]) {
              await page.emulateMedia({ colorScheme })
              await page.setViewportSize({ width, height: 900 })
              const { violations, passes } = (await page.evaluate('axe.run()')) as {
                violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[]
                passes: { id: string }[]
              }
              const told = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.target} ${nodes[0]?.failureSummary}`)
              assert.equal(told, [], `${url} ${colorScheme} ${locale} ${width}`)
              assert.ok(passes.some(({ id }) => id === 'color-contrast'))
            }
        })
  })

  test('the language is that of the browser, and a switch away; times are those of the reader', async () => {
    await on(two, { locale: 'zh-CN' }, async (page) => {
      assert.is(await page.title(), 'openstack：集群报告')
      assert.is(await page.getAttribute('html', 'lang'), 'zh-Hans')
      assert.match(await page.locator('h1').innerText(), /^openstack：集群报告$/)
      assert.match(await page.locator('.when').innerText(), /2026年3月1日 20:00:00 \(Asia\/Shanghai\)/)
      assert.is(await page.locator('.en:visible').count(), 0)
      await page.locator('#english').check({ force: true })
      assert.is(await page.getAttribute('html', 'lang'), 'en')
      assert.is(await page.locator('.zh:visible').count(), 0)
      assert.match(await page.locator('.when').innerText(), /^As seen 1 Mar 2026, 20:00:00/)
    })
  })

  test('without scripts all of it is there, in English and in UTC, and the switch works', async () => {
    await on(two, { javaScriptEnabled: false, locale: 'zh-CN' }, async (page) => {
      assert.match(await page.locator('.when').innerText(), /^As seen 2026-03-01 12:00:00 UTC \(times in UTC\)/)
      assert.is(await page.locator('.zh:visible').count(), 0)
      await page.locator('#chinese').check({ force: true })
      assert.is(await page.locator('.en:visible').count(), 0)
      assert.match(await page.locator('h1').innerText(), /集群报告/)
    })
  })

  test('everything is reached by keyboard, in its order, and opened by it', async () => {
    await on(two, {}, async (page) => {
      // Of the two radio buttons the one that is chosen has the focus, and arrows choose the other.
      const all =
        '[...document.querySelectorAll(\'a[href], input:checked, summary, [tabindex="0"]\')].filter((one) => one.checkVisibility())'
      const wanted = (await page.evaluate(`(window.all = ${all}).length`)) as number
      assert.ok(wanted > 15)
      const reached: number[] = []
      for (let count = 0; count < wanted; count++) {
        await page.keyboard.press('Tab')
        reached.push((await page.evaluate('all.indexOf(document.activeElement)')) as number)
      }
      assert.equal(
        reached,
        Array.from({ length: wanted }, (_, index) => index),
      )
      await page.locator('summary').first().focus()
      const open = () => page.locator('details').first().getAttribute('open')
      const before = await open()
      await page.keyboard.press('Enter')
      assert.is.not(await open(), before)
      await page.locator('#english').focus()
      await page.keyboard.press('ArrowRight')
      assert.is(await page.getAttribute('html', 'lang'), 'zh-Hans')
    })
  })

  test('paper shows what is folded, in light colours', async () => {
    for (const javaScriptEnabled of [true, false])
      await on(two, { javaScriptEnabled, colorScheme: 'dark' }, async (page) => {
        const pre = page.locator('section:has(> #last-change) details pre')
        assert.is(await pre.isVisible(), false)
        await page.emulateMedia({ media: 'print' })
        if (javaScriptEnabled) {
          await page.evaluate(
            "addEventListener('beforeprint', () => { window.folded = document.querySelectorAll('details:not([open])').length })",
          )
          await page.pdf()
          assert.is(await page.evaluate('folded'), 0)
          assert.is(await page.evaluate("document.querySelectorAll('details:not([open])').length > 0"), true)
        } else assert.ok(((await pre.boundingBox())?.height ?? 0) > 50)
        assert.is(await page.locator('nav').isVisible(), false)
        const back = await page.evaluate('getComputedStyle(document.body).backgroundColor')
        assert.is(back, 'rgb(255, 255, 255)')
      })
  })

  test.run()
}
