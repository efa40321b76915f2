import type { Notification } from './reducer.ts';

/** Sample notifications of a small company's product. */
export const SAMPLES: readonly Pick<Notification, 'type' | 'message'>[] = [
	{ type: 'success', message: 'Release 4.12 is live in all regions.' },
	{ type: 'info', message: 'Mira left a comment on “Autumn price list”.' },
	{ type: 'success', message: 'Invoice 2087 was paid: €1,240.00 from Nordhafen Ltd.' },
	{ type: 'warning', message: 'Disk of worker-3 is 85 % full.' },
	{ type: 'info', message: 'Your weekly report is ready to read.' },
	{ type: 'success', message: 'Nightly backup finished: 18.4 GB in 6 minutes.' },
	{ type: 'error', message: 'Payment for order 5531 was declined by the bank.' },
	{ type: 'info', message: 'Tomas joined the team “Logistics”.' },
	{ type: 'warning', message: 'The certificate of shop.example.com expires in 9 days.' },
	{ type: 'success', message: 'Import done: 3,208 products added, none skipped.' },
	{ type: 'info', message: 'Maintenance is planned for Sunday, 02:00 to 02:20 UTC.' },
	{ type: 'error', message: 'Webhook to the parcel service failed five times; it is paused.' },
	{ type: 'success', message: 'All 412 checks of branch “faster-search” passed.' },
	{ type: 'warning', message: 'Response times in Frankfurt are higher than usual.' },
	{ type: 'info', message: 'Shipment 77-104 has left the warehouse in Trieste.' },
	{ type: 'success', message: 'Refund of €36.50 was sent to the customer.' },
	{ type: 'info', message: 'Jonas shared the folder “Brand photos 2025” with you.' },
	{ type: 'error', message: 'Export “Customers Q3” stopped: the target folder is read-only.' },
	{ type: 'warning', message: 'Only 4 pieces of “Harbour lamp, brass” are left in stock.' },
	{ type: 'success', message: 'The database replica has caught up again.' },
	{ type: 'info', message: 'A new version of the mobile app is waiting for review.' },
	{ type: 'warning', message: 'Monthly e-mail quota: 90 % used, 6 days to go.' },
	{ type: 'success', message: 'Domain harbourlamps.example was verified.' },
	{ type: 'info', message: 'Yuki assigned the task “Proof-read the imprint” to you.' }
];
