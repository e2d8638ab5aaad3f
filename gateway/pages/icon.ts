// The icon: four members around what they agree on.

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#128577" stroke-width="2.5"><path d="M16 6 26 16 16 26 6 16Z"/></g><g fill="#128577"><circle cx="16" cy="6" r="4"/><circle cx="26" cy="16" r="4"/><circle cx="16" cy="26" r="4"/><circle cx="6" cy="16" r="4"/></g></svg>`
