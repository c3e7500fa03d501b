// Package simulator is a Bot API server that remembers: for tests, for the demo, and for developing without a bot.
//
// It promises to answer as Telegram does, error texts included, as far as the methods that a relay uses go: arguments by query, form, JSON
// and multipart; markup judged by package markup; updates by long polling and by webhook, each at least once and in order; the
// state of people, groups, forums and channels. Nothing is kept on disk. A test is the user: through the Go API (User, Group), or
// through HTTP, where a script can be:
//
//	curl --json '{"name": "Ada"}' $SIM/sim/users                       a person; the answer has the id, which is also the private chat's
//	curl --json '{"link": "https://t.me/…"}' $SIM/sim/users/1001/open   opens a deep link and presses Start
//	curl --json '{"text": "/status"}' $SIM/sim/users/1001/write        writes to the bot, or with "chat_id" in a group
//	curl --json '{"message_id": 3, "text": "Open"}' $SIM/sim/users/1001/press     or "data": a button that was there before
//	curl $SIM/sim/presses/7                                            what the bot showed for that press, by its callback_query_id
//	curl -X POST $SIM/sim/users/1001/block                             also unblock, delete
//	curl --json '{"title": "Ops", "kind": "group", "members": [1001]}' $SIM/sim/groups   or supergroup, forum, channel
//	curl --json '{"link": "https://t.me/…", "user_id": 1001}' $SIM/sim/groups/-5001/open  opens a ?startgroup= link for a group
//	curl --json '{"user_id": 1001, "status": "kicked"}' $SIM/sim/groups/-5001/bot         the bot's standing; "can_manage_topics": false takes a right
//	curl --json '{"name": "Deploys"}' $SIM/sim/groups/-1000000005002/topics
//	curl $SIM/sim/groups/-1000000005002/topics                         which there are
//	curl -X POST $SIM/sim/groups/-1000000005002/topics/2/close         also reopen, delete, rename (with "name")
//	curl -X POST $SIM/sim/groups/-5001/forum                           turns topics on; DELETE turns them off
//	curl -X POST $SIM/sim/groups/-5001/upgrade                         becomes a supergroup with another id
//	curl $SIM/sim/chats                                                everybody and everything
//	curl "$SIM/sim/chats/1001/messages?wait=5s&count=1"                what stands in a chat, once the bot has written count messages
//	curl --json '{"kind": "too_many_requests", "retry_after": 3, "times": 1}' $SIM/sim/faults
//	curl -X DELETE $SIM/sim/faults
//	curl $SIM/sim/calls                                                the Bot API's calls so far
//	curl $SIM/sim/bots                                                 which there are
//	curl -X POST $SIM/sim/reset
//
// There may be several bots (AddBot). A deep link leads to the one that it names; elsewhere ?bot=USERNAME says whose private chat or
// whose standing in a group is meant, the first bot's without it.
//
// Faults: too_many_requests, status (with code and description), gateway, empty, truncated, reset_before, reset_after, slow (delay in
// nanoseconds); each for a bot, a method, a chat, a number of times, or all.
package simulator
