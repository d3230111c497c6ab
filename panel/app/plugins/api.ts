/** Points the generated client at the Brain that served the panel. */
export default defineNuxtPlugin(() => configureClient())
