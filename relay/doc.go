// Package relay holds the words: messages, deliveries, recipients, chats, links, their rules and their error
// codes, and the few interfaces that are the contract of durability (Outbox, Directory, Links, Updates).
//
// It does nothing by itself. A verb gets a room of its own: intake takes messages in, store keeps them,
// delivery brings them to Telegram.
//
// Times are UTC, kept to the millisecond. JSON names are those of the HTTP interface; absent means null.
package relay
