/** What the APIs are there for, asked as their users do. */
import type { Lab } from './cluster.mts'

/** An image is made and read back, and placement asked with a token and without, on a node and through the VIP. Gives what came of it. */
export const imageAndPlacement = async ({ on, vip }: Lab, node: string, scheme: 'http' | 'https'): Promise<string> => {
  const said = await on(
    node,
    `. /root/admin-openrc
    export OS_AUTH_URL=${scheme}://${vip}:5000/v3
    head -c 3000000 /dev/urandom >/tmp/image
    id=$(openstack image create --file /tmp/image --disk-format raw --container-format bare demo -f value -c id)
    openstack image save --file /tmp/back "$id"
    cmp /tmp/image /tmp/back && echo same
    openstack token issue -f value -c id | python3 -c '
import sys, urllib.request
for token in (sys.stdin.read().strip(), "none"):
    request = urllib.request.Request("${scheme}://${vip}:8778/resource_providers", headers={"X-Auth-Token": token})
    try: print("placement", urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error: print("placement", error.code)'`,
  )
  return said.trim()
}
