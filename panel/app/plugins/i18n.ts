/** Languages: the browser's unless somebody chose another; only the one in use is loaded. */
import { createI18n } from 'vue-i18n'
import type { Composer } from 'vue-i18n'

export type Language = 'en' | 'de'

const KEY = 'hytopus.language'
const TEXTS: Record<Language, () => Promise<{ default: Record<string, unknown> }>> = {
  en: () => import('../../i18n/en.json'),
  de: () => import('../../i18n/de.json'),
}

export default defineNuxtPlugin(async (app) => {
  const i18n = createI18n({ legacy: false, locale: 'none', missingWarn: false, fallbackWarn: false, messages: {} })
  const composer = i18n.global as unknown as Composer
  app.vueApp.use(i18n)

  async function setLanguage(language: Language) {
    if (!composer.availableLocales.includes(language)) {
      composer.setLocaleMessage(language, (await TEXTS[language]()).default as never)
    }
    composer.locale.value = language
  }

  async function chooseLanguage(language: Language) {
    localStorage.setItem(KEY, language)
    await setLanguage(language)
  }

  useHead({ htmlAttrs: { lang: () => composer.locale.value } })
  await setLanguage(preferred())
  return { provide: { chooseLanguage } }
})

function preferred(): Language {
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'en' || chosen === 'de') return chosen
  const spoken = navigator.languages.find(each => /^(en|de)\b/.test(each))
  return spoken?.startsWith('de') ? 'de' : 'en'
}
