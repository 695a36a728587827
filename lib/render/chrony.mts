/** The time sources of chrony. */

/**
 * A file of chrony's sourcedir, like /etc/chrony/sources.d/quorate.sources: chrony.conf(5).
 * A name of a pool stands for several servers, which `server` would not use. iburst makes the first measurement
 * a matter of seconds. Each line ends in a newline: chrony ignores one that does not.
 */
export const chronySources = (servers: readonly string[]): string =>
  [
    '# Written by quorate from NTP_SERVERS.',
    ...servers.map((server) => `${keyword(server)} ${server} iburst`),
    '',
  ].join('\n')

const keyword = (server: string): 'pool' | 'server' => (/(^|\.)pool\./.test(server) ? 'pool' : 'server')
