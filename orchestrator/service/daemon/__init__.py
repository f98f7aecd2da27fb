"""One service, many studies: a supervisor with one controller process per running study, a queue, shared slots, pages.

What may come in: who runs when and with how many slots, and what keeps processes alive; decisions inside a study stay
in orchestrator.control.
"""
