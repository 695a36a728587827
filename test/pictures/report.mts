/** Pictures of the report: that of a real cluster on a lab, after a build, a drift, drills and a cable that was pulled, in docs/pictures. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { lacking, openChromium } from '../browser/chromium.mts'
import { labOf, missing, ROOT, until } from '../lab/cluster.mts'
import { noSuite } from '../suite.mts'

noSuite()

const why = missing() ?? lacking()
if (why !== undefined) {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

// The cluster is called like the lab.
const lab = labOf('openstack', { prefix: 'controller', apis: true, bmc: true })
const [one, two] = lab.nodes as [string, string]

/** As it is typed: the command stands on the page. */
const make = async (verb: string, args = ''): Promise<void> => {
  const words = ['make', verb, `ENV=.lab/${lab.name}/env`, ...(args === '' ? [] : [`ARGS=${args}`])]
  const { code, text } = await lab.type(...words)
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}:\n${text}`)
}

async function story(): Promise<void> {
  await make('cluster')
  await lab.on(two, "sed -i 's/^  timeout connect .*/&  # by hand/; $a# by hand' /etc/haproxy/haproxy.cfg")
  await make('cluster')
  // As a server: else it is back before anybody has missed it.
  await lab.lab('firmware', '8')
  await make('drill', '--yes move haproxy crash')
  await lab.type('ip', '-n', `${lab.name}-ops`, 'link', 'set', 'h202', 'down')
  await until('the link is missed', 60, async () => /disconnected/.test(await lab.on(one, 'corosync-cfgtool -s')))
  await make('report')
}

interface Shot {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly dark?: boolean
  readonly chinese?: boolean
  /** What stands at the top; without it that is the page's. */
  readonly at?: string
}
const SHOTS: readonly Shot[] = [
  { name: '1440', width: 1440, height: 1000 },
  { name: '768', width: 768, height: 1000 },
  { name: '360', width: 360, height: 780 },
  { name: '360-run', width: 360, height: 780, at: 'section:has(> #last-run)' },
  { name: 'dark', width: 1440, height: 1000, dark: true },
  { name: 'dark-chinese', width: 768, height: 1000, dark: true, chinese: true },
  { name: 'run', width: 1440, height: 820, at: 'section:has(> #last-run)' },
  { name: 'drill', width: 1440, height: 520, at: '.drill:last-of-type' },
]

async function shoot(page: Page, { name, at }: Shot): Promise<void> {
  const url = pathToFileURL(join(lab.stateDir, 'report.html')).href
  await page.goto(url)
  // One of what is folded, so that one sees what there is.
  if (at !== undefined) await page.evaluate(`document.querySelector('${at} details')?.setAttribute('open', '')`)
  const top = at === undefined ? 0 : ((await page.locator(at).boundingBox())?.y ?? 0) - 16
  await page.evaluate(`scrollTo(0, ${top})`)
  const file = join('docs/pictures', `report-${name}.png`)
  await page.screenshot({ path: join(ROOT, file) })
  process.stdout.write(`${file}\n`)
}

async function all(): Promise<void> {
  await story()
  const browser = await openChromium()
  try {
    for (const shot of SHOTS) {
      const { width, height, dark, chinese } = shot
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: dark ? 'dark' : 'light',
        locale: chinese ? 'zh-CN' : 'en-GB',
        timezoneId: 'UTC',
      })
      await shoot(await context.newPage(), shot)
      await context.close()
    }
  } finally {
    await browser.close()
  }
}

try {
  await lab.up()
  await all()
} finally {
  lab.down()
}
