'use strict';

const [page] = performance.getEntriesByType('navigation');
const version = page && { h2: 'HTTP/2', 'http/1.1': 'HTTP/1.1' }[page.nextHopProtocol];
if (location.protocol !== 'https:') document.getElementById('scheme').textContent = 'a plain connection';
if (version) document.getElementById('version').textContent = ` of ${version}`;
