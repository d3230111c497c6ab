// Pictures of every page, in both themes and languages and on a phone: `npm run screenshots`.
// Needs a running panel (PANEL_URL) with an admin's PANEL_USER and PANEL_PASSWORD, and Debian's chromium.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'

const URL_ = process.env.PANEL_URL ?? 'http://127.0.0.1:8420'
const USER = process.env.PANEL_USER ?? 'admin'
const PASSWORD = process.env.PANEL_PASSWORD ?? ''
const OUT = fileURLToPath(new URL('../screenshots/', import.meta.url))
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

interface Look {
  name: string
  theme: 'light' | 'dark'
  language: 'en' | 'de'
  width: number
  height: number
}

const LOOKS: Look[] = [
  { name: 'light-en', theme: 'light', language: 'en', width: 1440, height: 900 },
  { name: 'dark-de', theme: 'dark', language: 'de', width: 1440, height: 900 },
  { name: 'light-de', theme: 'light', language: 'de', width: 1440, height: 900 },
  { name: 'dark-en', theme: 'dark', language: 'en', width: 1440, height: 900 },
  { name: 'phone', theme: 'light', language: 'en', width: 390, height: 844 },
]

async function signIn(page: Page) {
  await page.goto(`${URL_}/login`)
  await page.fill('input[autocomplete=username]', USER)
  await page.fill('input[autocomplete=current-password]', PASSWORD)
  await page.click('button[type=submit]')
  await page.waitForSelector('[data-connection]', { state: 'attached' })
}

/** Every page by name: fixed ones, and one of each noun. */
async function places(page: Page): Promise<Record<string, string>> {
  const first = async (path: string, key: 'id') => {
    const answer = await page.request.get(`${URL_}/api/v1/${path}`)
    const { items } = await answer.json() as { items: Record<string, string>[] }
    return items.map(item => item[key] ?? '')
  }
  const [node] = await first('nodes?limit=1', 'id')
  const [template] = await first('templates?text=lobby', 'id')
  const instances = await first('instances?limit=3&state=running', 'id')
  const [waiting] = await first('instances?limit=1&state=requested', 'id')
  return {
    'dashboard': '/',
    'instances': '/instances',
    'instance-new': `/instances/new${template ? `?layer=${template}` : ''}`,
    ...(instances[0]
      ? Object.fromEntries(['overview', 'console', 'logs', 'files', 'placement', 'settings'].map(tab => [`instance-${tab}`, `/instances/${instances[0]}?tab=${tab}`]))
      : {}),
    ...(waiting ? { 'instance-waiting': `/instances/${waiting}?tab=placement` } : {}),
    'nodes': '/nodes',
    'node-join': '/nodes?join=1',
    ...(node ? { node: `/nodes/${node}` } : {}),
    'templates': '/templates',
    'template-upload': '/templates?upload=1',
    ...(template ? { template: `/templates/${template}` } : {}),
    'events': '/events',
    'audit': '/audit',
    'users': '/users',
    'settings': '/settings',
    'settings-security': '/settings/security',
    'settings-tokens': '/settings/tokens',
    'missing': '/no-such-page',
  }
}

const only = process.argv[2]?.split(',')
const onlyPages = process.argv[3]?.split(',')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
try {
  for (const look of LOOKS.filter(each => !only || only.includes(each.name))) {
    const viewport = { width: look.width, height: look.height }
    const context = await browser.newContext({ viewport, colorScheme: look.theme, locale: look.language })
    const page = await context.newPage()
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) process.stdout.write(`${look.name} ${page.url()}: ${message.text()}\n`)
    })
    page.on('pageerror', error => process.stdout.write(`${look.name} ${page.url()}: ${error.message}\n`))
    mkdirSync(`${OUT}${look.name}`, { recursive: true })
    await page.goto(`${URL_}/login`)
    await page.waitForSelector('input[autocomplete=username]')
    await page.screenshot({ path: `${OUT}${look.name}/login.png` })
    await signIn(page)
    for (const [name, path] of Object.entries(await places(page))) {
      if (onlyPages && !onlyPages.includes(name)) continue
      await page.goto(URL_ + path, { waitUntil: 'load' })
      await page.waitForTimeout(name === 'node' || name === 'instance-overview' ? 2500 : 900)
      await page.screenshot({ path: `${OUT}${look.name}/${name}.png` })
    }
    await context.close()
  }
} finally {
  await browser.close()
}
