//! The message templates of members and agents. A new domain needs a change in this file only.
//!
//! A template can contain `{first}`, `{agent}`, `{ref}`, `{item}`, `{amount}`, `{digits}`, `{date}`, `{time}` and `{n}`.
//! A change of a template changes every log: see `tests/golden.rs`.

/// The templates of one kind of business.
pub(crate) struct DomainText {
    /// Prefix of its reference numbers.
    pub(crate) prefix: &'static str,
    /// Frequency relative to the other domains.
    pub(crate) weight: u32,
    /// Subjects, at least one.
    pub(crate) items: &'static [&'static str],
    /// By turn: opening, member, greeting, agent, thanks, farewell. An empty list falls back to the small talk.
    pub(crate) turns: [&'static [&'static str]; 6],
    /// Whether English small talk is mixed in.
    pub(crate) small_talk: bool,
}

/// Templates for any English conversation, by turn.
pub(crate) const SMALL_TALK: [&[&str]; 6] = [
    &[
        "Hello, is a real person there?",
        "hi",
        "Good evening, I need some help please",
        "Hey, quick question about {item} 🙂",
    ],
    &[
        "Yes, that is right.",
        "no",
        "ok 👍",
        "One moment, I have to look that up",
        "My name is {first}, spelled exactly like that",
        "Could you say that again? I did not understand",
        "I already tried that {n} times, with the same result every time",
        "It just says \"please try again later\"",
        "Sorry, my train was in a tunnel. I am back now",
        "null",
        "??",
        "I would rather not call, I am at work until {time}",
        "That is what your colleague told me on {date} as well, and nothing came of it 😕",
        "Line one\nand line two, I always press enter by accident",
    ],
    &[
        "Hello {first}, this is {agent}. How can I help you today?",
        "Good day {first}! {agent} here, I have read your message and am looking into it.",
        "Hi {first}, thank you for waiting. I am {agent} and I will take care of this.",
    ],
    &[
        "One moment please, I am checking that for you.",
        "Thank you, {first}. I have it in front of me now.",
        "I am sorry about that. Let me see what I can do.",
        "Could you send me the number {ref} once more, so that I can be sure?",
        "Is there anything else you noticed?",
        "I have written a note into {ref}, so nobody will ask you again.",
        "That takes about {n} minutes. Would you like to wait, or shall I write to you afterwards?",
    ],
    &[
        "Great, thank you!",
        "thanks, bye",
        "Perfect. You have been very kind, {agent} 🙏",
        "All good now, have a nice evening",
    ],
    &[
        "You are welcome, {first}. Have a good day!",
        "Glad I could help. If anything comes up, just answer here.",
        "Thank you for writing to us. I will close this for now.",
    ],
];

/// All domains.
pub(crate) const DOMAINS: [DomainText; 14] = [
    DomainText {
        prefix: "B-",
        weight: 20,
        items: &[
            "the oak shelf",
            "a pair of running shoes",
            "the blue kettle",
            "two desk lamps",
            "the 13\" tablet case",
        ],
        turns: [
            &[
                "Where is my order {ref}? It was meant to arrive on {date}",
                "I ordered {item} and got something completely different",
                "Can I still change the address of order {ref}?",
                "The parcel with {item} arrived open and wet 😡",
                "I would like to send back {item}, how does that work?",
            ],
            &[
                "The order number is {ref}",
                "I paid {amount} for it, and {amount} is a lot for {item}",
                "The tracking page has not moved since {date}",
                "The neighbour says nobody rang, and there was no card in the letter box",
                "A photo? It is in \\pictures\\parcel\\{digits}.jpg, I can mail it",
                "Money back, please. I do not want a voucher",
            ],
            &[],
            &[
                "Your order {ref} left our warehouse on {date}.",
                "I have asked the carrier to search for the parcel; they answer within {n} working days.",
                "You will receive a return label by e-mail, valid until {date}.",
                "I can send {item} again free of charge, or refund {amount}. Which do you prefer?",
                "The refund of {amount} has been booked and should be there by {date}.",
            ],
            &[],
            &[],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "CARD-",
        weight: 16,
        items: &["my debit card", "the credit card", "the joint account card", "my travel card"],
        turns: [
            &[
                "My card ending in {digits} was just declined, what is going on?",
                "I do not recognise a payment of {amount} on {date}",
                "I lost {item}, please block it right now!!",
                "The machine kept {item} at {time} today",
            ],
            &[
                "The last four digits are {digits}",
                "No, nobody else has access to {item}",
                "I was at home on {date}, I can prove that",
                "The message says \"Error 51: ask your bank\"",
                "When will the new one be here? I am leaving on {date}",
            ],
            &["Hello {first}, {agent} from the card desk. Please never send me your PIN."],
            &[
                "I have blocked {item} ending in {digits} as of now.",
                "A new card is on its way and should reach you by {date}.",
                "The payment of {amount} is still pending, so I can dispute it under {ref}.",
                "For safety: was the last payment you remember on {date}, at about {time}?",
                "Your limit is back to {amount} a day; please try again in {n} minutes.",
            ],
            &[],
            &[],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "A",
        weight: 14,
        items: &["the eye examination", "a dental check-up", "the blood test", "physiotherapy", "the flu vaccination"],
        turns: [
            &[
                "I need an appointment for {item}, the sooner the better",
                "Can I move my appointment on {date} to the afternoon?",
                "Do I have to come without breakfast for {item}?",
                "I am running {n} minutes late, will you still see me?",
            ],
            &[
                "{date} at {time} would be fine",
                "Mornings are hard for me, I take the children to school",
                "My insurance number ends in {digits}",
                "Is there a lift? My mother uses a wheelchair",
                "Do you also have something on {date}?",
            ],
            &[],
            &[
                "I have {date} at {time} free, would that suit you?",
                "Your appointment {ref} for {item} is booked for {date}, {time}.",
                "Please bring your insurance card and arrive {n} minutes early.",
                "For {item} you may eat and drink as usual.",
                "I have put you on the waiting list; we write as soon as a place is free.",
            ],
            &["Thank you, see you then!"],
            &["See you soon, {first}. All the best!"],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "NET",
        weight: 16,
        items: &["the router", "the fibre box", "my landline", "the Wi-Fi upstairs"],
        turns: [
            &[
                "Internet is down since {time}, again",
                "{item} blinks red and nothing works",
                "I pay for 250 and get {n} Mbit/s. Why?",
                "Is there an outage in my street? The whole house is offline",
            ],
            &[
                "I have switched it off and on {n} times already",
                "The light on {item} is orange now",
                "Ping to 192.168.0.1 works, anything outside: \"Destination host unreachable\"",
                "I work from home, I need this fixed before {time}",
                "The label says S/N {digits}-{ref}",
            ],
            &[],
            &[
                "There is a fault in your area; we expect it to be repaired by {time}.",
                "I can see {item} from here and will restart it now. Please give it {n} minutes.",
                "The line test shows a break. I am sending a technician on {date}, ticket {ref}.",
                "Please check whether the grey cable sits firmly in the socket marked <DSL>.",
                "For the days without service I have credited {amount} to your account.",
            ],
            &["It is back!!! 🎉 thank you"],
            &[],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "H/",
        weight: 14,
        items: &["the double room", "a room with sea view", "the family suite", "the room with a cot"],
        turns: [
            &[
                "Can we check in at {time} on {date}? Our flight lands early",
                "I booked {item} but the confirmation {ref} shows a different one",
                "Is breakfast included with {item}?",
                "Please cancel booking {ref}, we are ill 🤒",
            ],
            &[
                "The booking is under {first}, from {date} for {n} nights",
                "We are {n} people and a very small dog",
                "The website said {amount} in total, now it is more",
                "Is the café on the corner yours too?",
                "Could we have {item} away from the lift?",
            ],
            &[],
            &[
                "Your booking {ref} is confirmed: {item}, {n} nights from {date}.",
                "Early check-in at {time} is possible for {amount}.",
                "The cancellation is free until {date}, so I have cancelled {ref} for you.",
                "Breakfast is from 7:00 to {time}; children eat free of charge.",
                "I have asked the house to reserve {item} on a quiet floor.",
            ],
            &["Wonderful, we are looking forward to it"],
            &["We are looking forward to your stay, {first}!"],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "M",
        weight: 8,
        items: &["the gas meter", "the electricity meter", "my final bill", "the instalment plan"],
        turns: [
            &[
                "I am moving out on {date}, what do I have to do about {item}?",
                "My bill is {amount}, last year it was half of that",
                "How do I send you the reading of {item}?",
            ],
            &[
                "The meter shows {ref}",
                "We were away for {n} weeks, so that cannot be right",
                "Can I pay it in {n} parts?",
            ],
            &[],
            &[
                "The reading {ref} is noted for {date}.",
                "Your new instalment is {amount} a month from {date}.",
                "I have ordered a check of {item}; somebody will come on {date} around {time}.",
            ],
            &[],
            &[],
        ],
        small_talk: true,
    },
    DomainText {
        prefix: "FR-",
        weight: 2,
        items: &["la commande", "le colis"],
        turns: [
            &["Bonjour, où est {item} {ref} ? C'était prévu le 14 août", "Je n'ai rien reçu, ça fait {n} jours…"],
            &["Oui, c'est ça.", "Le numéro est le {ref}", "J'ai déjà payé {amount} €, c'est noté « payé »"],
            &["Bonjour {first}, {agent} à votre écoute."],
            &[
                "Je vérifie tout de suite, un instant s'il vous plaît.",
                "Un remboursement de {amount} € a été effectué.",
            ],
            &["Merci beaucoup, très gentil !"],
            &["Avec plaisir, bonne soirée à vous !"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "DE-",
        weight: 2,
        items: &["der Anschluss", "die Rechnung"],
        turns: [
            &["Grüß Gott, {item} {ref} stimmt nicht", "Können Sie mir bitte helfen? Es geht um {amount} €"],
            &["Ja, genau.", "Das war um {time} Uhr, größer war es vorher auch nicht", "Wie lange dauert das ungefähr?"],
            &["Guten Tag {first}, hier ist {agent}. Ich kümmere mich darum."],
            &["Einen Augenblick, ich prüfe {ref}.", "Die Gutschrift über {amount} € ist gebucht, sie dauert {n} Tage."],
            &["Super, danke schön!"],
            &["Gern geschehen, schönen Tag noch!"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "ES-",
        weight: 2,
        items: &["la habitación", "la reserva"],
        turns: [
            &["¡Hola! Quería cambiar {item} {ref}, ¿es posible?", "¿A qué hora se puede entrar? Llegamos a las {time}"],
            &[
                "Sí, somos {n} personas y una niña",
                "El señor de recepción dijo que mañana",
                "¿Cuánto cuesta? Vi {amount} €",
            ],
            &["Buenas tardes, {first}. Le atiende {agent}."],
            &["Un momento, por favor, lo estoy comprobando.", "Listo: {item} {ref} queda cambiada."],
            &["¡Muchísimas gracias! 😊"],
            &["A usted, {first}. ¡Buen viaje!"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "JP",
        weight: 2,
        items: &["ご注文", "ご予約"],
        turns: [
            &["すみません、{ref}の荷物がまだ届いていません。", "予約を変更したいのですが、できますか?"],
            &["はい、そうです。", "{n}日待っていますが、連絡がありません。", "番号は{ref}です。よろしくお願いします。"],
            &["{first}様、担当の{agent}と申します。"],
            &["確認いたしますので、少々お待ちください。", "{item} {ref}は本日発送いたしました。"],
            &["ありがとうございました!"],
            &["ご利用ありがとうございました。"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "CN",
        weight: 2,
        items: &["订单", "房间"],
        turns: [
            &["你好,我的订单{ref}还没有收到", "请问今天可以退房到{time}吗?"],
            &["对,就是这个", "已经{n}天了,太慢了吧😤", "付了{amount}元,有截图"],
            &["您好{first},我是客服{agent}。"],
            &["请稍等,我帮您查一下。", "您的{item}{ref}已经处理好了。"],
            &["好的,谢谢!"],
            &["不客气,祝您生活愉快!"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "RU-",
        weight: 1,
        items: &["карта", "запись"],
        turns: [
            &["Здравствуйте, {item} {ref} не работает", "Добрый день! Списали {amount}, а за что — непонятно"],
            &["Да, верно", "Последние цифры {digits}", "Уже {n} раз пробовал, без толку"],
            &["Здравствуйте, {first}! Меня зовут {agent}."],
            &["Минуту, проверяю.", "Готово, вернём {amount} за {n} дней."],
            &["Спасибо большое!"],
            &["Хорошего дня!"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "AR-",
        weight: 1,
        items: &["الطلب", "الحجز"],
        turns: [
            &["مرحبا، أين {item} رقم {ref}؟", "السلام عليكم، أحتاج مساعدة من فضلك"],
            &["نعم، صحيح", "انتظرت {n} أيام", "الرقم هو {ref}"],
            &["أهلا {first}، معك {agent}."],
            &["لحظة من فضلك، سأتحقق من ذلك.", "تم إرجاع المبلغ {amount}."],
            &["شكرا جزيلا 🌷"],
            &["على الرحب والسعة، يوما سعيدا!"],
        ],
        small_talk: false,
    },
    DomainText {
        prefix: "KR-",
        weight: 1,
        items: &["주문", "예약"],
        turns: [
            &["안녕하세요, {item} {ref} 아직 안 왔어요", "인터넷이 {time}부터 안 돼요"],
            &["네, 맞아요", "{n}번이나 다시 해 봤어요 ㅠㅠ", "번호는 {ref}입니다"],
            &["안녕하세요 {first}님, 상담원 {agent}입니다."],
            &["잠시만 기다려 주세요, 확인해 보겠습니다.", "{item} {ref} 처리가 완료되었습니다."],
            &["감사합니다!"],
            &["이용해 주셔서 감사합니다."],
        ],
        small_talk: false,
    },
];
