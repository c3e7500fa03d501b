package chat

import (
	"slices"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Menu is what Telegram offers when somebody types a slash (setMyCommands).
type Menu struct {
	Language string // of the people who see it; empty: of all others
	Commands []telegram.BotCommand
}

// Menus are the menus in all languages, for private chats and administrators of groups. A command that is not in them works all the same.
func Menus(selfService, alerts bool) []Menu {
	var menus []Menu
	for _, words := range menuWords {
		menu := Menu{Language: words[0]}
		for i, command := range menuCommands {
			if (command != "token" || selfService) && (alerts || !slices.Contains(alertCommands[:], command)) {
				menu.Commands = append(menu.Commands, telegram.BotCommand{Command: command, Description: words[i+1]})
			}
		}
		menus = append(menus, menu)
	}
	return menus
}

// alertCommands need an Alertmanager that can be asked.
var alertCommands = [...]string{"alerts", "silences", "silence"}

var menuCommands = [...]string{"alerts", "silences", "silence", "status", "mute", "unmute", "quiet", "digest", "timezone", "token", "stop", "forget", "help"}

// menuWords are a language and what the commands do in it.
var menuWords = [][len(menuCommands) + 1]string{
	{
		"", "What fires", "Which silences hold", "Silence alerts: /silence alertname=X 2h",
		"What is connected here", "No sound for a while: /mute 2h", "Sound again", "Quiet hours: /quiet 22:00-07:00", "One message a day: /digest 08:00",
		"Your time zone: /timezone Europe/Berlin", "A new token for sending to yourself", "Disconnect this chat", "Delete everything about this chat", "What this bot does",
	},
	{
		"de", "Was gerade alarmiert", "Welche Stummschaltungen gelten", "Alarme stummschalten: /silence alertname=X 2h",
		"Was hier verbunden ist", "Eine Weile ohne Ton: /mute 2h", "Wieder mit Ton", "Ruhezeit: /quiet 22:00-07:00", "Eine Nachricht am Tag: /digest 08:00",
		"Deine Zeitzone: /timezone Europe/Berlin", "Ein neues Token, um dir selbst zu schreiben", "Diesen Chat trennen", "Alles über diesen Chat löschen", "Was dieser Bot tut",
	},
	{
		"es", "Qué alertas están activas", "Qué silencios están vigentes", "Silenciar alertas: /silence alertname=X 2h",
		"Qué está conectado aquí", "Un rato sin sonido: /mute 2h", "Otra vez con sonido", "Horas de silencio: /quiet 22:00-07:00", "Un mensaje al día: /digest 08:00",
		"Tu zona horaria: /timezone Europe/Madrid", "Un token nuevo para escribirte", "Desconectar este chat", "Borrar todo sobre este chat", "Qué hace este bot",
	},
	{
		"ru", "Какие оповещения активны", "Какие заглушения действуют", "Заглушить: /silence alertname=X 2h",
		"Что здесь подключено", "Временно без звука: /mute 2h", "Снова со звуком", "Тихие часы: /quiet 22:00-07:00", "Одно сообщение в день: /digest 08:00",
		"Часовой пояс: /timezone Europe/Moscow", "Новый токен, чтобы писать самому себе", "Отключить этот чат", "Удалить всё об этом чате", "Что делает этот бот",
	},
	{
		"zh", "正在触发的告警", "生效中的静默", "静默告警：/silence alertname=X 2h",
		"这里连接了什么", "暂时静音：/mute 2h", "恢复声音", "免打扰时段：/quiet 22:00-07:00", "每天一条消息：/digest 08:00",
		"时区：/timezone Asia/Shanghai", "给自己发消息的新令牌", "断开此聊天", "删除有关此聊天的一切", "这个机器人做什么",
	},
}
