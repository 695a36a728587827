/** What of a cluster's status is wrong, in sentences: the cause before what follows from it. */
import { MAX_SKEW } from './clocks.mts'
import type { Lost } from './errors.mts'
import { cutOff, type Status, type Trouble } from './status.mts'
import { several } from './style.mts'

/** `lost` has more to say of nodes than the status has. */
export function troubles(status: Omit<Status, 'problems'>, lost: readonly Lost[]): readonly Trouble[] {
  const { nodes, links, vips, fencing, arbiter, services, endpoints } = status
  const named = (of: (node: Status['nodes'][number]) => boolean) =>
    several(
      nodes.filter(of).map(({ name }) => name),
      ', ',
    )
  const reached = nodes.filter(({ state }) => state !== 'not reached')
  // A cluster that is not built yet has none of these.
  const built = reached.some(({ ring }) => ring)
  const when = (holds: boolean, text: string, remedy: string): readonly Trouble[] => (holds ? [{ text, remedy }] : [])
  const each = (state: Status['nodes'][number]['state'], what: string, remedy: string) => {
    const names = named((node) => node.state === state)
    return when(built && names !== '', `${names} ${what}`, remedy)
  }
  return [
    ...lost.map(({ node, text, remedy }) => ({ text: `${node} could not be asked: ${text}`, remedy })),
    ...when(reached.length > 0 && !built, 'there is no cluster yet: corosync runs on no node', 'make cluster'),
    ...when(
      built && !status.quorate,
      `the ring is not quorate: ${status.votes} of ${status.expectedVotes} votes`,
      'bring up the nodes that are missing, or mend the links to them',
    ),
    ...links.flatMap(({ network, down, to }) => {
      const whom = several(cutOff({ to }, nodes), ', ')
      return when(
        down.length > 0,
        `the link in ${network}${whom && ` to ${whom}`} is down, as ${several(down, ', ')} ${down.length > 1 ? 'see' : 'sees'} it`,
        'look at cables, switch and firewall of that network; corosync-cfgtool -s on the node tells which way is lost',
      )
    }),
    ...each(
      'unclean',
      'failed, and was not fenced',
      'see whether it is really off; stonith_admin --history NODE tells why',
    ),
    ...each(
      'offline',
      'is offline in pacemaker',
      'systemctl status corosync pacemaker there; make cluster starts them',
    ),
    ...each('no member', 'is no member of the cluster', 'make cluster takes it in'),
    ...each('pending', 'is still joining', 'wait; journalctl -u pacemaker there tells what it waits for'),
    ...each(
      'standby',
      'is in standby and runs nothing',
      'crm_standby --delete --node NODE, once it may have resources again',
    ),
    ...when(
      status.maintenance,
      'the cluster is in maintenance mode: pacemaker heals nothing',
      'crm_attribute --name maintenance-mode --delete, once what it was set for is done',
    ),
    ...when(
      built && fencing.agent !== 'none' && !fencing.on,
      `fencing is off, though FENCING=${fencing.agent}`,
      'make plan tells why; make cluster turns it on',
    ),
    ...fencing.devices
      .filter(({ works }) => built && !works)
      .map(({ node, agent }) => ({
        text: `nobody watches the fence device of ${node} (${agent})`,
        remedy: 'see whether the device answers; crm_resource --cleanup, then make verify',
      })),
    ...when(
      built && arbiter !== undefined && arbiter.votes === 0,
      `the arbiter ${arbiter?.host} gives no vote`,
      'systemctl status corosync-qnetd there, corosync-qdevice-tool -s on a node',
    ),
    ...vips.flatMap(({ address, holders }) =>
      built && holders.length !== 1
        ? [
            {
              text: `the VIP ${address} is held by ${holders.join(' AND ') || 'nobody'}`,
              remedy:
                holders.length > 1
                  ? 'two halves do not see each other: mend the links between these nodes'
                  : 'crm_mon -1 on a node tells what keeps it from starting',
            },
          ]
        : [],
    ),
    ...status.failures.map(({ action, node, why }) => ({
      text: `pacemaker: ${action} failed on ${node} (${why})`,
      remedy: 'once its cause is gone: crm_resource --cleanup',
    })),
    ...when(
      built && named(({ state, haproxy }) => state === 'online' && haproxy !== 'active') !== '',
      `HAProxy does not run on ${named(({ state, haproxy }) => state === 'online' && haproxy !== 'active')}`,
      'journalctl -u haproxy there; crm_resource --cleanup haproxy-clone',
    ),
    ...services.flatMap(({ name, answers }) =>
      answers
        .filter(({ ok }) => built && !ok)
        .map(({ host, code }) => ({
          text: `${name} ${code === 0 ? 'does not answer' : `answers HTTP ${code}`} at ${host === 'VIP' ? 'the VIP' : host}`,
          remedy: 'make verify tells more',
        })),
    ),
    ...when(
      endpoints.unknown !== undefined,
      `the endpoints are unknown: ${endpoints.unknown}`,
      'see what keystone says',
    ),
    ...endpoints.problems.map((text) => ({ text, remedy: 'make plan tells what would be done' })),
    ...endpoints.elsewhere.map((one) => ({
      text: `the ${one.interface} endpoint of ${one.service} is not on the VIP: ${one.url}`,
      remedy: 'make cluster moves it',
    })),
    ...nodes.flatMap(({ name, aheadMs = 0 }) =>
      when(
        Math.abs(aheadMs) > MAX_SKEW * 1000,
        `the clock of ${name} is ${Math.abs(aheadMs)} ms ${aheadMs > 0 ? 'ahead of' : 'behind'} the others'`,
        'chronyc tracking there tells whether it has a source',
      ),
    ),
  ]
}
