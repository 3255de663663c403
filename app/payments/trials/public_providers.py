"""Domains of public mail providers, which say nothing about who somebody is. Pure."""

PUBLIC_PROVIDERS = frozenset(
    """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es live.com
    live.co.uk live.fr live.nl msn.com passport.com yahoo.com yahoo.co.uk yahoo.co.in yahoo.co.jp yahoo.de yahoo.fr
    yahoo.it yahoo.es yahoo.ca yahoo.com.au yahoo.com.br yahoo.in ymail.com rocketmail.com myyahoo.com aol.com aim.com
    icloud.com me.com mac.com proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tuta.io tuta.com
    tutamail.com keemail.me fastmail.com fastmail.fm hey.com zoho.com zohomail.com zohomail.eu mail.com email.com
    usa.com gmx.com gmx.net gmx.de gmx.at gmx.ch gmx.us gmx.co.uk web.de t-online.de freenet.de arcor.de posteo.de
    posteo.net mailbox.org mail.de o2online.de vodafone.de 1und1.de online.de bluewin.ch hispeed.ch sunrise.ch
    orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr libero.it virgilio.it tiscali.it alice.it tin.it
    telefonica.net terra.es telenet.be skynet.be proximus.be ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl hetnet.nl
    btinternet.com btopenworld.com talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk sky.com tesco.net
    comcast.net xfinity.com verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net spectrum.net
    earthlink.net optonline.net frontier.com centurylink.net juno.com netzero.net rogers.com bell.net sympatico.ca
    shaw.ca telus.net videotron.ca bigpond.com bigpond.net.au optusnet.com.au iinet.net.au xtra.co.nz
    mail.ru bk.ru inbox.ru list.ru internet.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua seznam.cz centrum.cz
    email.cz wp.pl o2.pl onet.pl onet.eu interia.pl op.pl abv.bg freemail.hu citromail.hu inbox.lv
    qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com 189.cn
    naver.com daum.net hanmail.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp nifty.com rediffmail.com
    uol.com.br bol.com.br terra.com.br ig.com.br globo.com hushmail.com runbox.com disroot.org riseup.net duck.com
    mozmail.com privaterelay.appleid.com simplelogin.com anonaddy.me
    """.split()  # noqa: SIM905  (a list of 190 strings is no easier to read)
)
