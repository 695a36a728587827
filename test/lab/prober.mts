/** Asks a URL at a steady pace and prints a line of JSON per answer: when it was asked, and the status (0: none in time). */
import * as http from 'node:http'
import * as https from 'node:https'

const [url = '', every = '100', patience = '3000'] = process.argv.slice(2)

const { get } = url.startsWith('https:') ? https : http

setInterval(() => {
  const at = Date.now()
  let told = false
  const tell = (status: number) => {
    if (!told) process.stdout.write(`${JSON.stringify({ at, status, until: Date.now() })}\n`)
    told = true
  }
  // A connection for each question: one that is kept open would not notice that the address has moved.
  const request = get(url, { agent: false, timeout: Number(patience) }, (answer) => {
    answer.resume()
    answer.on('end', () => tell(answer.statusCode ?? 0))
    answer.on('error', () => tell(0))
  })
  request.on('timeout', () => request.destroy())
  request.on('error', () => tell(0))
}, Number(every))
