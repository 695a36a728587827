/** Repositories: their keys, and lists that were fetched since. */
import type { Guard } from '../guard.mts'
import { raw, sh } from '../shell.mts'
import { beside, KEPT, replace } from './file.mts'
import { MANAGERS, type ManagerName } from './package.mts'

/**
 * The lists are newer than the file that names the repositories, of which `ids` are asked. The stamp is set after the lists came, so that
 * a cut-off run asks again.
 */
export const listsFetched = (path: string, manager: ManagerName, ids: readonly string[] = []): Guard => ({
  title: 'the lists of the extra repositories are fetched',
  check: sh`
    stamp=/var/lib/quorate/lists
    [ -e "$stamp" ] && [ ! ${path} -nt "$stamp" ] || { echo "not fetched since "${path}" was changed"; exit 1; }`,
  apply: sh`
    ${MANAGERS[manager].functions}
    refresh ${ids}
    mkdir -p /var/lib/quorate
    touch /var/lib/quorate/lists`,
  remedy: 'see which repository did not answer; REPOS names it',
  remedies: MANAGERS[manager].remedies,
})

/** A key that the node fetches, which has to be the one with this fingerprint and no other. */
export interface Fetched {
  readonly url: string
  readonly fingerprint: string
  readonly path: string
}

/** Shell functions: `fetch URL FILE`, with what the node has; `prints FILE` prints the fingerprints of all primary keys (gpg(1), doc/DETAILS). */
const GPG = raw(
  `
fetch() {
  if command -v curl >/dev/null; then said=$(curl --fail --silent --show-error --location --max-time 30 --output "$2" "$1" 2>&1)
  elif [ -x /usr/lib/apt/apt-helper ]; then said=$(/usr/lib/apt/apt-helper download-file "$1" "$2" 2>&1)
  elif command -v wget >/dev/null; then said=$(wget --quiet --timeout=30 --output-document="$2" "$1" 2>&1)
  else said="there is neither curl nor wget on this node"; false; fi || { printf '%s\\n' "$1 could not be fetched:" "$said"; return 1; }
}
# Public keys need no agent, which would outlive the script.
gpg_() {
  mkdir -p "$scratch/gnupg"
  chmod 0700 "$scratch/gnupg"
  gpg --homedir "$scratch/gnupg" --no-options --no-autostart --batch --quiet "$@"
}
prints() { gpg_ --show-keys --with-colons "$1" 2>/dev/null | awk -F : '$1 == "pub" { key = 1 } $1 == "fpr" && key { print $10; key = 0 }'; }
right() {
  found=$(prints "$1")
  [ "$found" = "$2" ] || { echo "$3 has the fingerprint $(printf %s "\${found:-none}" | tr '\\n' ' '), wanted is $2"; return 1; }
}`.trim(),
)

const KEY_REMEDY =
  'compare the fingerprint with what the owner of the repository publishes, and correct REPOS; the key was not imported'

/** A requirement before anything is changed; a node without gpg gets it later, and is asked then. */
export const rightKey = ({ url, fingerprint, path }: Fetched): Guard => ({
  title: `the key at ${url} is the one that REPOS means`,
  check: sh`
    ${GPG}
    command -v gpg >/dev/null || exit 0
    if [ -s ${path} ] && right ${path} ${fingerprint} '' >/dev/null; then exit 0; fi
    fetch ${url} "$scratch/key"
    right "$scratch/key" ${fingerprint} ${`the key at ${url}`}`,
  remedy: KEY_REMEDY,
})

/** Only this key is put in place, whatever else came with it. */
export const keyFetched = ({ url, fingerprint, path }: Fetched, armoured: boolean): Guard => ({
  title: `${path} is the key of ${url}`,
  check: sh`
    ${GPG}
    [ -s ${path} ] || { echo "it is not fetched yet"; exit 1; }
    command -v gpg >/dev/null || { echo "there is no gpg on this node"; exit 1; }
    right ${path} ${fingerprint} ${path}`,
  apply: sh`
    ${GPG}
    fetch ${url} "$scratch/key"
    right "$scratch/key" ${fingerprint} ${`the key at ${url}`}
    mkdir -p ${path.replace(/\/[^/]+$/, '')}
    gpg_ --import "$scratch/key" 2>/dev/null
    new=${beside(path)}
    gpg_ ${armoured ? ['--armor', '--export', fingerprint] : ['--export', fingerprint]} >"$new"
    chmod 0644 "$new"
    ${raw(replace(path))}`,
  remedy: KEY_REMEDY,
})

/** Keys that we have imported, by the names that rpm has for them: `make destroy` takes them away. */
export const IMPORTED = `${KEPT}/rpm-keys`

/** rpm calls a key by the last eight digits of its fingerprint; since rpm 6 by all of it. */
const rpmKey = (fingerprint: string) => fingerprint.slice(-8).toLowerCase()

/** rpm trusts the keys in a file of ours, whose fingerprints have been looked at. */
export const keyImported = (path: string, fingerprints: readonly string[]): Guard => ({
  title: `rpm trusts the key ${path}`,
  check: sh`
    all=$(rpm -q gpg-pubkey --qf '%{VERSION}\\n' 2>/dev/null || :)
    for key in ${fingerprints.map(rpmKey)}; do
      printf '%s\\n' "$all" | grep -q "$key$" || { echo "it does not know the key …$key yet"; exit 1; }
    done`,
  apply: sh`
    mkdir -p ${KEPT}
    chmod 0700 ${KEPT}
    all=$(rpm -q gpg-pubkey --qf '%{VERSION}\\n' 2>/dev/null || :)
    for key in ${fingerprints.map(rpmKey)}; do printf '%s\\n' "$all" | grep -q "$key$" || echo "$key" >>${IMPORTED}; done
    whole rpm --import ${path}`,
  remedy: `rpm does not take the key: export it anew (gpg --armor --export), one key to a file`,
})

/** What we have imported is gone; a node without rpm never had any. */
export const keysForgotten = (): Guard => ({
  title: 'rpm trusts no key for our sake',
  check: sh`[ ! -s ${IMPORTED} ] || { sort -u ${IMPORTED} | sed 's/^/it trusts the key …/'; exit 1; }`,
  apply: sh`
    sort -u ${IMPORTED} | while read -r key; do
      rpm -q gpg-pubkey --qf '%{VERSION} %{NAME}-%{VERSION}-%{RELEASE}\\n' 2>/dev/null | awk -v key="$key" '$1 ~ key "$" { print $2 }' |
        while read -r name; do whole rpm -e "$name"; done
    done
    rm -f ${IMPORTED}`,
})
