/**
 * Takes a token of each keystone again and again, and shows every token so far to each of them. A line of JSON for each round: when it
 * began, how many were shown, and what was not taken. The body of a login comes by standard input, the URLs are the arguments.
 */
import { text } from 'node:stream/consumers'

const urls = process.argv.slice(2)
const body = await text(process.stdin)
const tokens: { readonly from: string; readonly at: number; readonly token: string }[] = []

for (;;) {
  const at = Date.now()
  const failures: string[] = []
  let shown = 0
  await Promise.all(
    urls.map(async (from) => {
      const answer = await fetch(`${from}/auth/tokens`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
      })
      const token = answer.headers.get('X-Subject-Token')
      if (token === null) failures.push(`${from} gives none: ${answer.status}`)
      else tokens.push({ from, at, token })
    }),
  )
  // The first of all, and the latest.
  const some = [...tokens.slice(0, urls.length), ...tokens.slice(urls.length).slice(-3 * urls.length)]
  for (const one of some)
    for (const url of urls) {
      const { status } = await fetch(`${url}/auth/projects`, { headers: { 'X-Auth-Token': one.token } })
      shown++
      if (status !== 200) failures.push(`${url} says ${status} to one of ${one.from}, ${at - one.at} ms old`)
    }
  process.stdout.write(`${JSON.stringify({ at, shown, failures })}\n`)
}
