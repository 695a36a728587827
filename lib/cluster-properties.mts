/**
 * Pacemaker's cluster properties, 2.1 to 3.0 and the names to come with fencing-*: pacemaker itself accepts any name and any
 * value in silence, so a misspelt one would do nothing. From the `cluster_options` of lib/common/options.c (before 2.1.8:
 * lib/pengine/common.c and daemons/controld/controld_control.c), and the chapter "Cluster-Wide Options" of Pacemaker Explained.
 */
import { didYouMean } from './nearest.mts'
import { shown } from './shown.mts'

type Kind =
  | 'boolean'
  | 'duration'
  | 'timeout'
  | 'integer'
  | 'attempts'
  | 'score'
  | 'percentage'
  | 'text'
  | readonly string[]

const PROPERTIES: Readonly<Record<string, Kind>> = {
  'batch-limit': 'integer',
  'cancel-removed-actions': 'boolean',
  'cluster-delay': 'duration',
  'cluster-ipc-limit': 'integer',
  'cluster-name': 'text',
  'cluster-recheck-interval': 'duration',
  'concurrent-fencing': 'boolean',
  'dc-deadtime': 'duration',
  'election-timeout': 'duration',
  'enable-acl': 'boolean',
  'enable-startup-probes': 'boolean',
  'fence-remote-without-quorum': 'boolean',
  'fencing-action': ['reboot', 'off', 'poweroff'],
  'fencing-enabled': 'boolean',
  'fencing-max-attempts': 'attempts',
  'fencing-reaction': ['stop', 'panic'],
  'fencing-timeout': 'duration',
  'fencing-watchdog-timeout': 'timeout',
  'join-finalization-timeout': 'duration',
  'join-integration-timeout': 'duration',
  'load-threshold': 'percentage',
  'maintenance-mode': 'boolean',
  'migration-limit': 'integer',
  'no-quorum-policy': ['stop', 'freeze', 'ignore', 'demote', 'fence', 'suicide'],
  'node-action-limit': 'integer',
  'node-health-base': 'score',
  'node-health-green': 'score',
  'node-health-red': 'score',
  'node-health-strategy': ['none', 'migrate-on-red', 'only-green', 'progressive', 'custom'],
  'node-health-yellow': 'score',
  'node-pending-timeout': 'duration',
  'pe-error-series-max': 'integer',
  'pe-input-series-max': 'integer',
  'pe-warn-series-max': 'integer',
  'placement-strategy': ['default', 'utilization', 'minimal', 'balanced'],
  'priority-fencing-delay': 'duration',
  'remove-after-stop': 'boolean',
  'shutdown-escalation': 'duration',
  'shutdown-lock': 'boolean',
  'shutdown-lock-limit': 'duration',
  'start-failure-is-fatal': 'boolean',
  'startup-fencing': 'boolean',
  'stop-all-resources': 'boolean',
  'stop-removed-resources': 'boolean',
  'symmetric-cluster': 'boolean',
  'transition-delay': 'duration',
}

/** Older names of the same properties. Which of the two a pacemaker knows depends on its version, so neither is changed. */
const OLDER: Readonly<Record<string, string>> = {
  'crmd-finalization-timeout': 'join-finalization-timeout',
  'crmd-integration-timeout': 'join-integration-timeout',
  'crmd-transition-delay': 'transition-delay',
  'fence-reaction': 'fencing-reaction',
  'stonith-action': 'fencing-action',
  'stonith-enabled': 'fencing-enabled',
  'stonith-max-attempts': 'fencing-max-attempts',
  'stonith-timeout': 'fencing-timeout',
  'stonith-watchdog-timeout': 'fencing-watchdog-timeout',
  'stop-orphan-actions': 'cancel-removed-actions',
  'stop-orphan-resources': 'stop-removed-resources',
}

/** Set by the cluster about itself. */
const GENERATED = ['cluster-infrastructure', 'dc-version', 'have-watchdog', 'last-lrm-refresh']

/** pcmk__parse_bool() and pcmk__parse_ms() of lib/common/strings.c. */
const FORMS: Readonly<Record<string, readonly [RegExp, string]>> = {
  boolean: [/^(?:true|on|yes|y|1|false|off|no|n|0)$/i, 'true or false'],
  duration: [
    /^(?:\d+\s*(?:us|usec|ms|msec|s|sec|m|min|h|hr)?|P(?=[\dT])(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?)$/i,
    'a time with its unit, like 5min',
  ],
  timeout: [/^-?\d+\s*(?:us|usec|ms|msec|s|sec|m|min|h|hr)?$/i, 'a time with its unit, like 10s'],
  integer: [/^[+-]?\d+$/, 'a whole number'],
  attempts: [/^(?:[1-9]\d*|\+?INFINITY)$/, 'a number from 1, or INFINITY'],
  score: [/^(?:[+-]?\d+|[+-]?INFINITY)$/, 'a score: a whole number, INFINITY or -INFINITY'],
  percentage: [/^\d+(?:\.\d+)?%$/, 'a percentage, like 80%'],
  text: [/./s, 'a text'],
}

/** The name under which pacemaker's newest version knows a property. */
export const currentName = (name: string): string => OLDER[name] ?? name

/** What is wrong with a property and what to do about it; undefined when nothing is. */
export function propertyProblem(name: string, value: string): { text: string; remedy: string } | undefined {
  const known = [...Object.keys(PROPERTIES), ...Object.keys(OLDER)]
  if (GENERATED.includes(name)) return { text: `${name} is written by the cluster itself`, remedy: 'remove it' }
  if (!known.includes(name)) {
    return { text: `pacemaker has no cluster property ${shown(name)}`, remedy: didYouMean(name, known, 'remove it') }
  }
  const kind = PROPERTIES[currentName(name)] as Kind
  if (typeof kind !== 'string') {
    if (kind.includes(value)) return undefined
    return { text: `${name} cannot be "${shown(value)}"`, remedy: `it is one of ${kind.join(', ')}` }
  }
  const [form, words] = FORMS[kind] as readonly [RegExp, string]
  return form.test(value) ? undefined : { text: `${name} cannot be "${shown(value)}"`, remedy: `it is ${words}` }
}

/** True for `true`, `on`, `yes`, `y` and `1`, as pacemaker reads them. */
export const isTrue = (value: string): boolean => /^(?:true|on|yes|y|1)$/i.test(value)
