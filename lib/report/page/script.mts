/** What the page does where scripts run: the reader's language and time. Without it all is there, in English and in UTC. */

const radios = [...document.querySelectorAll<HTMLInputElement>('input[name=language]')]
const root = document.documentElement

/** The language of the page, its title and its times follow the switch; what is shown follows it by the style sheet alone. */
function speak(language: string): void {
  root.lang = language
  document.title = (language === 'en' ? root.dataset.en : root.dataset.zh) ?? ''
  const shown = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'zh-CN', {
    dateStyle: 'medium',
    timeStyle: 'medium',
  })
  for (const time of document.querySelectorAll('time')) time.textContent = shown.format(new Date(time.dateTime))
  for (const zone of document.querySelectorAll('.zone')) zone.textContent = `(${shown.resolvedOptions().timeZone})`
}

for (const radio of radios) radio.addEventListener('change', () => speak(radio.value))
const wanted = navigator.language.startsWith('zh') ? 'zh-Hans' : 'en'
for (const radio of radios) radio.checked = radio.value === wanted
speak(wanted)

// Paper cannot be unfolded.
const closed = new Set<HTMLDetailsElement>()
addEventListener('beforeprint', () => {
  for (const one of document.querySelectorAll<HTMLDetailsElement>('details:not([open])')) {
    closed.add(one)
    one.open = true
  }
})
addEventListener('afterprint', () => {
  for (const one of closed) one.open = false
  closed.clear()
})
