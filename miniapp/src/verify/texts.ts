/** Unix seconds as a date and a time. */
export const dateText = (unix: number): string => `${new Date(1000 * unix).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
