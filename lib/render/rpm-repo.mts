/** REPOS as dnf and zypper read it (dnf.conf(5), zypper(8)). */
import type { Repo } from '../config.mts'

/** Where a key lies: dnf imports it from there when it meets a package that is signed with it. */
export const keyPath = (index: number): string => `/etc/pki/rpm-gpg/quorate-${index}`

/** A file of zypper's with the login of a repository, known by its last part. */
export const credentialsPath = ({ name }: Pick<Repo, 'name'>): string => `/etc/zypp/credentials.d/${name}`

export const credentials = ({ name, password }: NonNullable<Repo['login']>): string =>
  `username=${name}\npassword=${password}\n`

/**
 * Signatures of packages are always looked at. zypper would also want the lists signed, which few repositories of others have; dnf
 * never does by itself.
 */
export const rpmRepos = (repos: readonly Repo[], manager: 'dnf' | 'zypper'): string =>
  [
    '# Written by quorate from REPOS.\n',
    ...repos.flatMap((repo, index) =>
      repo.form === 'rpm'
        ? [
            [
              `[${repo.name}]`,
              `name=${repo.name}`,
              `baseurl=${repo.uri}${manager === 'zypper' && repo.login ? `${repo.uri.includes('?') ? '&' : '?'}credentials=${repo.name}` : ''}`,
              'enabled=1',
              'gpgcheck=1',
              ...(manager === 'zypper' ? ['pkg_gpgcheck=1', 'repo_gpgcheck=0', 'type=rpm-md', 'autorefresh=1'] : []),
              ...((repo.key ?? repo.keyUrl) === undefined ? [] : [`gpgkey=file://${keyPath(index)}`]),
              ...(manager === 'dnf' && repo.login
                ? [`username=${repo.login.name}`, `password=${repo.login.password}`]
                : []),
              '',
            ].join('\n'),
          ]
        : [],
    ),
  ].join('\n')
