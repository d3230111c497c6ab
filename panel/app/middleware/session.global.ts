/** Nothing but the login page without a login; afterwards one comes back to where one wanted to go. */
export default defineNuxtRouteMiddleware(async (to) => {
  const session = useSession()
  if (to.path === '/login') return
  if (!session.me.value) {
    try {
      await session.load()
    } catch (error) {
      const problem = problemOf(error)
      if (isExpiry(problem)) return navigateTo({ path: '/login', query: to.fullPath === '/' ? {} : { next: to.fullPath } })
      throw createError({ statusCode: problem.status || 503, message: problem.message, data: { code: problem.code }, fatal: true })
    }
  }
  if (session.me.value?.must_enrol) return to.path === '/settings/security' ? undefined : navigateTo('/settings/security')
  const allowed = to.meta.everything ? session.canEverywhere : session.can
  if (!allowed(to.meta.least ?? 'viewer')) return navigateTo('/')
  await useLive().connectLive().catch(() => undefined)
})
