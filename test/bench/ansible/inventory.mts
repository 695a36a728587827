/** The inventory of the playbook, from an env file of quorate: `node inventory.mts ENV FOLDER`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { network } from '../../../lib/address.mts'
import type { Config } from '../../../lib/config.mts'
import { ConfigError } from '../../../lib/errors.mts'
import { readConfig } from '../../../lib/read-config.mts'

/** What the playbook does not do, told beforehand: it would end in another state than quorate. */
function uncovered(config: Config): readonly string[] {
  const v6 =
    [config.vip, ...config.links].some(({ family }) => family === 6) ||
    config.nodes.some(({ address }) => address.includes(':'))
  return Object.entries({
    FENCING: config.fencing !== 'none',
    TRANSPORT: config.transport !== 'knet',
    REPOS: config.repos.length > 0,
    NTP_SERVERS: config.ntpServers.length > 0,
    FIREWALL: config.firewall === 'off',
    SELINUX: config.selinux !== 'keep',
    'an IPv6 address': v6,
  }).flatMap(([key, is]) => (is ? [key] : []))
}

/** How the nodes are reached: as quorate reaches them, with connections that no other lab shares. */
function access({ ssh }: Config, folder: string): object {
  return {
    ansible_control_path_dir: join(folder, 'cp'),
    ...(ssh.config === undefined ? {} : { ansible_ssh_common_args: `-F '${ssh.config}'` }),
    ...(ssh.user === undefined ? {} : { ansible_user: ssh.user }),
    ...(ssh.user === undefined || ssh.user === 'root' ? {} : { ansible_become: true }),
    ...(ssh.port === undefined ? {} : { ansible_port: ssh.port }),
    ...(ssh.key === undefined ? {} : { ansible_ssh_private_key_file: ssh.key }),
  }
}

function variables(config: Config): object {
  return {
    cluster_name: config.clusterName,
    vip: config.vip.address,
    vip_prefix: config.vip.prefix,
    links: config.links.map((link) => ({
      text: `${link.address}/${link.prefix}`,
      network: network(link).address,
      prefix: String(link.prefix),
    })),
    link_mode: config.linkMode,
    token: config.token ?? null,
    cluster_properties: config.clusterProperties,
    sshd_port: config.ssh.port ?? 22,
  }
}

function write(config: Config, folder: string): void {
  const json = (name: string, content: object, mode = 0o644) =>
    writeFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`, { mode })
  mkdirSync(join(folder, 'group_vars/nodes'), { recursive: true, mode: 0o700 })
  const hosts = config.nodes.map(({ name, fqdn, address }) => [name, { ansible_host: address, fqdn }])
  json('hosts.json', { nodes: { hosts: Object.fromEntries(hosts), vars: access(config, folder) } })
  json('group_vars/nodes/cluster.json', variables(config))
  // Ansible's own way would be ansible-vault; here the env file is as open as this.
  if (config.openrc) json('group_vars/nodes/openrc.json', { openrc: config.openrc }, 0o600)
}

const [env, folder] = process.argv.slice(2)
try {
  if (env === undefined || folder === undefined) throw new ConfigError('usage: node inventory.mts ENV FOLDER', [])
  const config = readConfig(env)
  const more = uncovered(config)
  if (more.length > 0) throw new ConfigError(env, [{ text: `the playbook does not cover ${more.join(', ')}` }])
  write(config, resolve(folder))
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  console.error(error.message)
  process.exitCode = error.exitCode
}
