/** The generated ssh_config, written while an ssh of another verb may read it. */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Config } from '../../lib/config.mts'
import { ssh } from '../../lib/ssh.mts'
import { suite } from '../suite.mts'
import { folder } from './local-shell.mts'

const test = suite('ssh_config')

test('who reads the old one reads it to its end, and nothing else lies beside it', () => {
  const dir = folder()
  const access = { user: undefined, port: undefined, key: undefined, config: undefined }
  const config = { ssh: access, nodes: [] } as unknown as Config
  ssh(config, dir)
  const fd = openSync(join(dir, 'ssh_config'), 'r')
  ssh({ ...config, ssh: { ...access, port: 2222 } }, dir)
  assert.not.match(readFileSync(fd, 'utf8'), '2222')
  closeSync(fd)
  assert.match(readFileSync(join(dir, 'ssh_config'), 'utf8'), 'Port 2222')
  assert.equal(readdirSync(dir), ['ssh_config'])
})

test.run()
