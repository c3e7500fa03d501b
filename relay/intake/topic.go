package intake

import (
	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// topic runs the template of the topic. One that fails costs the topic only, and the operator is told.
func (h *heard) topic(draft receivers.Draft) string {
	if h.rc.Topic == nil {
		return ""
	}
	name, err := h.rc.Topic.String(draft.Data)
	if err != nil {
		h.troubled(h.rules, h.rc.Name, "topic", err)
		return ""
	}
	return relay.TopicName(name)
}

// sameTopic is the topic that all of some messages are for, none where they differ.
func sameTopic(jobs []relay.Job) string {
	topic := jobs[0].Content.Topic
	for _, job := range jobs {
		if job.Content.Topic != topic {
			return ""
		}
	}
	return topic
}

// decodeTopic reads the topic of a message of the API.
func (r *request) decodeTopic(o *Object) {
	var name string
	if !o.Field("topic", &name) {
		return
	}
	r.content.Topic = relay.TopicName(name)
	if r.content.Topic == "" || (markup.Text{Text: name}).Len() > relay.MaxTopicName {
		o.Fault("topic", "the name of a topic is wanted, 1 to %d characters", relay.MaxTopicName)
	}
}
