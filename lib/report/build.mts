/** The script and the style of the page, bundled and made small: the one place that knows of esbuild. */
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import type { Built } from './page.mts'

const SOURCE = join(import.meta.dirname, 'page')

/** Browsers of the last few years: `:has()` is the newest thing that the style needs. */
const TARGET = ['chrome111', 'firefox121', 'safari16.4']

export function built(): Built {
  const { outputFiles } = buildSync({
    entryPoints: [join(SOURCE, 'script.mts'), join(SOURCE, 'style.css')],
    // Nothing is written there: the names of the outputs stand on it.
    outdir: SOURCE,
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    charset: 'utf8',
    target: TARGET,
  })
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text.trim() ?? ''
  return { script: text('.js'), style: text('.css') }
}
