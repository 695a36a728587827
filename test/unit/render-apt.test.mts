/** REPOS as apt reads it: no login in the list, which everybody may read. */
import * as assert from 'uvu/assert'
import { aptAuth, aptSources } from '../../lib/render/apt.mts'
import { suite } from '../suite.mts'

const repo = (path: string, password: string) => ({
  source: `deb https://host/${path} ./`,
  key: undefined,
  login: { machine: `https://host/${path}`, name: 'me', password },
})

const test = suite('apt sources')

test('logins have a file of their own, the longest path first', () => {
  const repos = [repo('debian', 'one'), { source: 'deb http://open/ ./', key: undefined }, repo('debian-more', 't%wo')]
  assert.is(
    aptAuth(repos),
    'machine https://host/debian-more login me password t%wo\nmachine https://host/debian login me password one\n',
  )
  assert.is(aptSources(repos), 'deb https://host/debian ./\ndeb http://open/ ./\ndeb https://host/debian-more ./\n')
  assert.is(aptAuth([]), '')
})

test.run()
