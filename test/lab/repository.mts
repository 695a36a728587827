/** A repository without packages that answers to one login only. Arguments: address, port, SHA-256 of the header that it wants. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const [address = '', port = '', wanted = ''] = process.argv.slice(2)

createServer((request, response) => {
  const login = request.headers.authorization ?? ''
  const known = createHash('sha256').update(login).digest('hex') === wanted
  response.writeHead(known ? (request.url?.endsWith('/Packages') ? 200 : 404) : 401, {
    'www-authenticate': 'Basic realm="packages"',
  })
  response.end()
}).listen(Number(port), address, () => process.stdout.write('listens\n'))
