import type { Role } from '~/api'

declare module '#app' {
  interface PageMeta {
    /** The least role that may see the page; everybody who is signed in where it is left out. */
    least?: Role
    /** Nothing for those who are limited to regions and tags. */
    everything?: boolean
  }
}

declare module 'vue-router' {
  interface RouteMeta {
    least?: Role
    everything?: boolean
  }
}
