/** The names of the scenarios, for the reader of the env file. */
export const NAMES = ['move', 'haproxy', 'backend', 'hang', 'link', 'network', 'crash', 'reboot', 'power'] as const
