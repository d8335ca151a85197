"""bangban 帮办: a chat-bot server for government messaging. `bot/app.py` shows how the parts fit together."""
