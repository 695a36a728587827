/** The time sources of NTP_SERVERS, in the words of chrony and of systemd-timesyncd. */

const WRITTEN = '# Written by quorate from NTP_SERVERS.'

/**
 * A file of chrony's sourcedir, like /etc/chrony/sources.d/quorate.sources: chrony.conf(5). A name of a pool stands for several servers, which `server` would not
 * use. iburst makes the first measurement a matter of seconds. Each line ends in a newline: chrony ignores one that does not.
 */
export const chronySources = (servers: readonly string[]): string =>
  [WRITTEN, ...servers.map((server) => `${keyword(server)} ${server} iburst`), ''].join('\n')

/** timesyncd.conf(5): an empty value first, so that those of other files go. */
export const timesyncdConf = (servers: readonly string[]): string =>
  [WRITTEN, '[Time]', 'NTP=', `NTP=${servers.join(' ')}`, ''].join('\n')

const keyword = (server: string): 'pool' | 'server' => (/(^|\.)pool\./.test(server) ? 'pool' : 'server')
