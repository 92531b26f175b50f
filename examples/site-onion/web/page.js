'use strict';

const onion = location.hostname.endsWith('.onion');
document.getElementById('way').textContent = onion ? 'You came through Tor.' : `You came by the web, to ${location.host}.`;
