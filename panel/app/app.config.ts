export default defineAppConfig({
  ui: {
    colors: {
      primary: 'teal',
      secondary: 'violet',
      success: 'green',
      info: 'sky',
      warning: 'amber',
      error: 'red',
      neutral: 'slate',
    },
  },
})
