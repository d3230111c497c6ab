import { globSync, readFileSync } from 'node:fs'

// The panel is built to static files that the Brain serves; nothing is fetched from elsewhere at run time.
const brain = process.env.HYTOPUS_PANEL_BRAIN ?? 'http://127.0.0.1:8420'

/** Nuxt does not know the types of what builds its static files. */
const nitro: object = {
  prerender: { crawlLinks: false, routes: ['/'] },
  compressPublicAssets: { gzip: true, brotli: true },
  output: { dir: process.env.HYTOPUS_PANEL_OUTPUT ?? '.output' },
}

/** What several pages need comes in one piece: dozens of requests for crumbs take longer than the crumbs. */
const SHARED = { name: 'shared', minShareCount: 3 }

export default defineNuxtConfig({
  modules: ['@nuxt/ui', '@vueuse/nuxt', '@nuxt/eslint'],
  ssr: false,
  components: [{ path: '~/components', pathPrefix: false }],
  imports: { dirs: ['composables/**', 'utils/**'], imports: [{ name: 'useI18n', from: 'vue-i18n' }] },
  devtools: { enabled: false },
  app: {
    head: {
      title: 'Hytopus',
      htmlAttrs: { lang: 'en' },
      meta: [
        { name: 'viewport', content: 'width=device-width, initial-scale=1' },
        { name: 'robots', content: 'noindex' },
      ],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  css: ['~/assets/css/main.css'],
  ui: { fonts: false },
  experimental: { payloadExtraction: false, appManifest: false },
  compatibilityDate: '2026-11-01',
  nitro,
  // Fonts as files: what is inlined as data: the content security policy refuses.
  vite: { build: { assetsInlineLimit: 0, rolldownOptions: { output: { codeSplitting: { groups: [SHARED] } } } }, server: { proxy: { '/api': { target: brain, changeOrigin: false } } }, worker: { format: 'es' } },
  typescript: { strict: true, tsConfig: { compilerOptions: { noUncheckedIndexedAccess: true } } },
  telemetry: false,
  eslint: { config: { stylistic: { quotes: 'single', semi: false, commaDangle: 'always-multiline', braceStyle: '1tbs' } } },
  icon: {
    provider: 'none',
    clientBundle: { sizeLimitKb: 512, icons: [...new Set([...usedIcons(), ...uiIcons()])] },
  },
})

/** Icons that this project names. The module's own scan misses some of those that stand in TypeScript files. */
function usedIcons(): string[] {
  const files = globSync('app/**/*.{vue,ts}', { cwd: import.meta.dirname })
  const names = files.flatMap(file => readFileSync(`${import.meta.dirname}/${file}`, 'utf8').match(/(?<=i-lucide-)[a-z0-9-]+/g) ?? [])
  return names.map(name => `lucide:${name}`)
}

/** Icons that Nuxt UI's own components use. */
function uiIcons(): string[] {
  return [
    'arrow-down', 'arrow-left', 'arrow-right', 'arrow-up', 'arrow-up-right', 'check', 'chevron-down', 'chevron-left',
    'chevron-right', 'chevron-up', 'chevrons-left', 'chevrons-right', 'circle-alert', 'circle-check', 'circle-x', 'copy',
    'copy-check', 'ellipsis', 'eye', 'eye-off', 'file', 'folder', 'folder-open', 'grip-vertical', 'hash', 'info', 'lightbulb',
    'loader-circle', 'menu', 'minus', 'monitor', 'moon', 'panel-left-close', 'panel-left-open', 'plus', 'rotate-ccw', 'search', 'settings',
    'square', 'sun', 'triangle-alert', 'upload', 'x',
  ].map(name => `lucide:${name}`)
}
