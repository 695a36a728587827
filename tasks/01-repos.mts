/** 01-repos: every package that will be installed is on offer. */
import type { Config } from '../lib/config.mts'
import { everyNode, type Guard, type Phase } from '../lib/guard.mts'
import { file } from '../lib/guards/file.mts'
import { repositories } from '../lib/guards/repository.mts'
import { isScript, main } from '../lib/main.mts'
import { arbitersPackages, onOffer, packagesOf } from '../lib/packages.mts'
import { arbiter } from '../lib/qdevice.mts'
import { aptAuth, aptSources, keyringPath } from '../lib/render/apt.mts'

const AUTH = '/etc/apt/auth.conf.d/quorate.conf'

const keys = (config: Config): Guard[] =>
  config.repos.flatMap(({ key }, index) =>
    key === undefined ? [] : [file(keyringPath(index, key), key, { secret: true })],
  )

/** Root alone may read it; apt opens it before it gives its rights away. */
const logins = (config: Config): Guard[] => {
  const text = aptAuth(config.repos)
  if (text === '') return []
  return [file(AUTH, Buffer.from(text).toString('base64'), { mode: '0600', secret: true })]
}

const sources = (config: Config): readonly Guard[] =>
  config.repos.length === 0 ? [] : repositories(aptSources(config.repos))

export const phase: Phase = {
  id: '01-repos',
  title: 'Package repositories',
  steps: [
    {
      title: 'sources',
      on: everyNode,
      guards: (config) => [...keys(config), ...logins(config), ...sources(config)],
      keepsFacts: true,
    },
    { title: 'arbiter', on: arbiter, guards: onOffer(arbitersPackages), keepsFacts: true },
    { title: 'candidates', on: everyNode, guards: onOffer(packagesOf), keepsFacts: true },
  ],
}

if (isScript(import.meta)) await main({ script: 'tasks/01-repos.mts', title: phase.title, phases: [phase] })
