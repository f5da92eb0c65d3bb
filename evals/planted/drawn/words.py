"""Texts that serve all scripted agents."""

PADDING = (
    "Before I come to the question, let me place it into a wider context, because context is what makes an answer valuable.",
    "It is often said that there are no simple questions, only simple answers, and there is a great deal of truth in that.",
    "Every case is different, every team is different, and what is right for one may well be less suitable for another.",
    "There are, broadly speaking, several ways in which one can look at this, each with its own merits and its own limitations.",
    "On the one hand one would like things to be quick; on the other one would like them to last, and both have their price.",
    "Many people have asked something similar over the years, and their questions have helped us to think more clearly about it.",
    "As so often, the details matter, and the details in turn depend on circumstances that vary from season to season.",
    "Looking after such things is a craft, and we take pride in it, from the first inspection to the last signature.",
    "To sum up what has been said so far: a careful look at all the aspects leads to a balanced and well-considered view.",
    "Furthermore, one shouldn't overlook the role of preparation, which begins long before the first step is taken.",
    "In addition, it may be helpful to reflect on the expectations with which one sets out, and on those of one's companions.",
    "Historically, people have always found practical ways to deal with questions of this kind, here as well as elsewhere.",
    "With that in mind, the matter can be seen as part of a larger whole, in which each piece plays its own part.",
    "Some experts emphasise comfort, others emphasise simplicity, and a third school holds that the truth lies in between.",
    "I would like to stress once more that there are many valid perspectives, and that all of them deserve consideration.",
    "Should further aspects occur to you, they would naturally enrich the picture that I have tried to draw here.",
    "Last but not least, success is also a matter of mood, of company, and of a certain openness for the unexpected.",
    "None of this should be taken as the last word, since words about such matters tend to be followed by further words.",
    "A wide view has its charm, and a narrow view has its use; the art lies in moving between the two without losing either.",
)

GERMAN = (
    "Das ist leider nicht ganz einfach, aber wir haben die Angaben für Sie geprüft und die Antwort ist eindeutig.",
    "Bitte beachten Sie, dass die Frist mit dem ersten Tag des Monats beginnt und nicht verlängert wird.",
    "Wir haben die Unterlagen gelesen, und der Betrag ist mit der letzten Rechnung schon verrechnet worden.",
    "Wenn Sie mit der Antwort nicht zufrieden sind, dann schreiben Sie bitte eine kurze Nachricht für das Büro.",
    "Die Regel gilt für alle Verträge, die wir mit Ihnen und mit der Gemeinde geschlossen haben.",
    "Der Termin steht fest, und Sie bekommen eine Bestätigung mit der Post, wie es vereinbart ist.",
)
